"""What one thing that a Rasa project does becomes: a step of ours, several, or a note that it is code."""

from typing import Any

from botyard.features.chatbots.content import Ask, Branch, Choose, Handover, Put, Say, Search, Step
from botyard.features.chatbots.formats.rasa.draft import CODE, Draft, free

HANDOVERS = ("pattern_human_handoff", "action_human_handoff", "action_handoff")
SEARCHES = ("pattern_search", "action_trigger_search", "action_query_knowledge_base")
# What Rasa's own machinery does between the steps; nothing is lost with it.
SILENT = ("action_listen", "action_deactivate_loop", "action_deactivate_form", "action_unlikely_intent")


def for_action(draft: Draft, action: str, step_id: str, where: str) -> list[Step]:
    """Our steps for an action, the first with the given id. Code becomes an empty step that keeps its place."""
    if action in HANDOVERS:
        return [Handover(id=step_id)]
    if action in SEARCHES:
        return [Search(id=step_id)]
    if is_response(draft, action):
        return say(draft, action, step_id)
    draft.report.lost("action", action, CODE)
    return [Put(id=step_id, slots={})]


def is_response(draft: Draft, action: str) -> bool:
    """Whether an action only says something."""
    known = action in draft.content.responses or action in draft.conditional
    return (
        known or action.startswith("utter_")
    ) and action not in draft.actions - draft.content.responses.keys()


def say(draft: Draft, response: str, step_id: str) -> list[Step]:
    """Say a response; where its wording depends on slots, choose first."""
    variants = draft.conditional.get(response)
    if not variants:
        require(draft, response)
        return [Say(id=step_id, response=response)]
    branches, said = [], []
    for number, (condition, variant) in enumerate(variants, 1):
        own = f"{step_id}_when_{number}"
        branches.append(Branch(when=condition, next=own))
        said.append(Say(id=own, response=variant, next=f"{step_id}_said"))
    done = Put(id=f"{step_id}_said", slots={})
    otherwise = draft.otherwise.get(response)
    if otherwise:
        usual = Say(id=f"{step_id}_otherwise", response=otherwise, next=done.id)
        usual.next = ""
        return [Choose(id=step_id, branches=branches, next=usual.id), *said, usual, done]
    said[-1].next = ""
    return [Choose(id=step_id, branches=branches, next=done.id), *said, done]


def plain(draft: Draft, response: str, where: str) -> str:
    """The one wording of a response where no choice is possible, such as in a question."""
    require(draft, response)
    variants = draft.conditional.get(response)
    if not variants:
        return response
    draft.report.partly("response", response, f"{where} it is said in one wording, whatever the slots hold.")
    return draft.otherwise.get(response, variants[0][1])


def require(draft: Draft, response: str) -> None:
    """Note a response that is used but defined nowhere."""
    if response not in draft.content.responses and response not in draft.conditional:
        why = "It is used, but the project does not say its text (or has code that makes it); write it."
        draft.report.partly("response", response, why)


def ask(draft: Draft, slot: str, step_id: str, form: str = "", **fields: Any) -> Ask:
    """Ask for a slot with the response that Rasa would choose: of the form, else of the slot."""
    usual = f"utter_ask_{slot}"
    names = (f"utter_ask_{form}_{slot}", usual) if form else (usual,)
    known = draft.content.responses.keys() | draft.conditional.keys()
    response = next((name for name in names if name in known), usual)
    return Ask(id=step_id, slot=slot, response=plain(draft, response, "As a question"), **fields)


def numbered(prefix: str, taken: set[str]) -> str:
    """An id for a step that had none."""
    name = free(prefix[:150] or "step", taken)
    taken.add(name)
    return name
