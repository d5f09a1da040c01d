"""Writing a project for Rasa: a zip that Rasa trains, with a file beside it for what Rasa has no words for."""

import re
from typing import Any

from botyard.features.chatbots.content import (
    Ask,
    Call,
    Choose,
    Condition,
    Confirm,
    Content,
    Flow,
    Handover,
    Intent,
    Put,
    Reply,
    Say,
    Search,
    Slot,
    Step,
)
from botyard.features.chatbots.content import read as read_content
from botyard.features.chatbots.content import write as write_content
from botyard.features.chatbots.formats import archive, safe_yaml
from botyard.features.chatbots.formats.imported import Exported, Project, Report
from botyard.features.chatbots.formats.rasa import domain, nlu, predicates, project, rules, sidecar
from botyard.features.chatbots.formats.rasa.draft import free
from botyard.features.chatbots.formats.rasa.predicates import Unsayable
from botyard.features.chatbots.formats.reading import mapping

VERSION = "3.1"
_KEPT = f"Rasa has no words for all of it; {sidecar.NAME} keeps it for an import here."
_PRO = "Flows need Rasa Pro; Rasa Open Source trains the rest."
_PIPELINE = [
    {"name": "WhitespaceTokenizer"},
    {"name": "RegexFeaturizer"},
    {"name": "CountVectorsFeaturizer"},
    {"name": "CountVectorsFeaturizer", "analyzer": "char_wb", "min_ngram": 1, "max_ngram": 4},
    {"name": "DIETClassifier", "epochs": 100},
    {"name": "EntitySynonymMapper"},
]


def write(given: Project) -> Exported:
    """The project as a zip, and what of it Rasa itself will not know."""
    content = (
        read_content(write_content(given.content)) if given.content else Content(language=given.language)
    )
    names = _names(content)
    files = _files(given, content, names)
    back = project.read(archive.packed(files))
    side = sidecar.difference(given, content, back, {new: old for old, new in names.items()})
    files[sidecar.NAME] = side
    report = _report(given, content, side)
    stem = re.sub(r"[^A-Za-z0-9_-]+", "-", given.name).strip("-").lower() or "chatbot"
    return Exported(
        data=archive.packed(files),
        filename=f"{stem}-rasa.zip",
        media_type="application/zip",
        report=report.notes(),
    )


def _report(given: Project, content: Content, side: bytes) -> Report:
    report = Report()
    report.mapped("examples", len(given.examples))
    for section in ("intents", "entities", "slots", "responses", "flows"):
        report.mapped(section, len(getattr(content, section)))
    for kind, keys in sidecar.kept(side).items():
        for key in keys:
            report.partly(kind, key, _KEPT)
    if content.flows:
        report.partly("flow", "of any kind", _PRO)
    return report


def _names(content: Content) -> dict[str, str]:
    """Names of responses for Rasa, by ours, where they differ."""
    taken = set(content.responses)
    names = {}
    for name in content.responses:
        if not name.startswith("utter_") or not re.fullmatch(r"[\w/.\-]+", name):
            slug = re.sub(r"[^\w.\-]+", "_", name).strip("_") or "response"
            names[name] = free(f"utter_{slug.removeprefix('utter_')}", taken)
            taken.add(names[name])
    return names


def _files(given: Project, content: Content, names: dict[str, str]) -> dict[str, bytes]:
    intents, responses = _answers(given, content, names)
    section, _ = nlu.write(given.examples, content.entities, given.extras)
    every = {"recipe": "default.v1", "language": content.language, "pipeline": _PIPELINE}
    policies = [{"name": "RulePolicy"}, *([{"name": "FlowPolicy"}] if content.flows else [])]
    files: dict[str, Any] = {"config.yml": every | {"policies": policies}}
    files["domain.yml"] = {"version": VERSION, **_domain(given, content, intents, responses)}
    files["data/nlu.yml"] = {"version": VERSION, "nlu": section}
    if answering := rules.write(intents, names):
        files["data/rules.yml"] = {"version": VERSION, "rules": answering}
    if content.flows:
        written = {flow.id: _flow(flow, names) for flow in content.flows}
        files["data/flows.yml"] = {"flows": written}
    return {name: safe_yaml.dump(value) for name, value in files.items()}


def _answers(
    given: Project, content: Content, names: dict[str, str]
) -> tuple[dict[str, Intent], dict[str, list[Reply]]]:
    """Intents and responses, with the plain replies of a dataset among them."""
    intents = {name: Intent(response=intent.response) for name, intent in content.intents.items()}
    responses = {names.get(name, name): replies for name, replies in content.responses.items()}
    for name in dict.fromkeys(example.intent for example in given.examples):
        intents.setdefault(name, Intent())
    started = {name for flow in content.flows for name in flow.intents}
    for name, reply in given.responses.items():
        intent = intents.setdefault(name, Intent())
        if intent.response or name in started:
            continue
        intent.response = free(
            "utter_" + (re.sub(r"[^\w.\-]+", "_", name).strip("_") or "answer"), set(responses)
        )
        responses[intent.response] = [Reply(text=reply)]
    return intents, responses


def _domain(
    given: Project, content: Content, intents: dict[str, Intent], responses: dict[str, list[Reply]]
) -> dict[str, Any]:
    marks = [mark for example in given.examples for mark in example.entities]
    roles: dict[str, dict[str, None]] = {
        name: dict.fromkeys(of.roles) for name, of in content.entities.items()
    }
    for mark in marks:
        known = roles.setdefault(mark["entity"], {})
        if mark.get("role"):
            known[mark["role"]] = None
    slots = content.slots | {_asked(step): Slot(type="bool") for step in _confirmations(content)}
    written: dict[str, Any] = {
        "intents": list(intents),
        "entities": [{name: {"roles": list(of)}} if of else name for name, of in roles.items()],
        "slots": {name: domain.write_slot(slot) for name, slot in slots.items()},
        "responses": {name: domain.write_replies(replies) for name, replies in responses.items()},
    }
    return {key: value for key, value in written.items() if value} | mapping(given.extras.get("rasa"))


def _confirmations(content: Content) -> list[Confirm]:
    return [step for flow in content.flows for step in flow.steps if isinstance(step, Confirm)]


def _asked(step: Confirm) -> str:
    """The slot that holds the answer to a yes-or-no question in Rasa."""
    return "confirm_" + (re.sub(r"\W+", "_", step.id).strip("_") or "question")


def _flow(flow: Flow, names: dict[str, str]) -> dict[str, Any]:
    written: dict[str, Any] = {
        "name": flow.name or flow.id,
        "description": flow.description or flow.name or flow.id,
    }
    if flow.intents:
        written["nlu_trigger"] = [{"intent": name} for name in flow.intents]
    when = _said(flow.when)
    if when:
        written["if"] = when
    following = [*(step.id for step in flow.steps[1:]), "end"][: len(flow.steps)]
    written["steps"] = [
        _step(step, after, names) for step, after in zip(flow.steps, following, strict=True)
    ] or [{"noop": True, "next": "END"}]
    return written


def _said(condition: Condition | None) -> str:
    """Rasa's words for a condition, or none: the sidecar has the original then."""
    if condition is None:
        return ""
    try:
        return predicates.write(condition)
    except Unsayable:
        return ""


def _step(step: Step, after: str, names: dict[str, str]) -> dict[str, Any]:
    written = {"id": step.id, **_own(step, after, names)}
    ends_itself = "link" in written or "next" in written
    if step.next and not ends_itself:
        written["next"] = _goal(step.next)
    return written


def _own(step: Step, after: str, names: dict[str, str]) -> dict[str, Any]:
    """What the step does, in Rasa's words; what has none is an empty step."""
    match step:
        case Say():
            return {"action": names.get(step.response, step.response)}
        case Ask():
            return _question(step, names)
        case Put() if step.slots:
            return {"set_slots": [{name: value} for name, value in step.slots.items()]}
        case Choose():
            return {"noop": True, "next": _branches(step, after)}
        case Confirm():
            slot = _asked(step)
            agreed = {"if": f"slots.{slot} is true", "then": _goal(step.next or after)}
            asked = {"collect": slot, "utter": names.get(step.response, step.response)}
            return asked | {"ask_before_filling": True, "next": [agreed, {"else": _goal(step.no)}]}
        case Call():
            return {"link" if step.next == "end" else "call": step.flow}
        case Handover():
            return (
                {"link": "pattern_human_handoff"}
                if step.next == "end"
                else {"action": "action_human_handoff"}
            )
        case Search():
            return {"action": "action_trigger_search"}
        case _:
            return {"noop": True}


def _question(step: Ask, names: dict[str, str]) -> dict[str, Any]:
    written: dict[str, Any] = {"collect": step.slot}
    response = names.get(step.response, step.response)
    if response != f"utter_ask_{step.slot}":
        written["utter"] = response
    if step.again:
        written["ask_before_filling"] = True
    if said := _said(step.check):
        refused = names.get(step.refused, step.refused) or response
        written["rejections"] = [{"if": f"not ({said})", "utter": refused}]
    return written


def _branches(step: Choose, after: str) -> list[dict[str, Any]]:
    branches = [
        {"if": said, "then": _goal(branch.next)} for branch in step.branches if (said := _said(branch.when))
    ]
    return [*branches, {"else": _goal(step.next or after)}]


def _goal(target: str) -> str:
    return "END" if target in ("", "end") else target
