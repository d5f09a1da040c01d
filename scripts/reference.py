"""Writes the reference pages and `.env.example` from the code itself: `make reference`.

A test compares what is written with what the code says now, so a page cannot become stale unnoticed.
"""

import dataclasses
import importlib
import inspect
import json
import pkgutil
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click
import typer.main
from pydantic import SecretStr
from pydantic.fields import FieldInfo
from starlette.routing import Mount

import botyard
from botyard.core.accounts.policy import Rule
from botyard.core.accounts.types import Kind
from botyard.core.config.owned import OWNED
from botyard.core.realtime import events
from botyard.kit.errors import BotyardError
from botyard.settings import Settings

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "docs" / "reference"
GENERATED = "<!-- Written by `make reference` from the code; change it there. -->"
_SECTION = re.compile(r"^    # --- (?P<title>.+?) -+$")
_GAP = re.compile(r" \([A-Z]-\d\d(, [A-Z]-\d\d)*\)")  # where a document is silent; of no use to its readers
_FIELD = re.compile(r"^    (?P<name>\w+): ")


def pages() -> dict[Path, str]:
    """Every generated file with its content."""
    load_everything()
    made = {
        ROOT / ".env.example": env_example(),
        FOLDER / "settings.md": settings_page(),
        FOLDER / "commands.md": commands_page(),
        FOLDER / "errors.md": errors_page(),
        FOLDER / "events.md": events_page(),
        FOLDER / "endpoints-server.md": server_page(),
    }
    for name, calls, schema in endpoint_pages():
        made[FOLDER / f"endpoints-{name}.md"] = calls
        made[FOLDER / f"openapi-{name}.json"] = schema
    return made


def load_everything() -> None:
    """Import every module, so that every error and event is known."""
    for module in pkgutil.walk_packages(botyard.__path__, "botyard."):
        if not module.name.endswith("__main__") and ".migrations." not in module.name:
            importlib.import_module(module.name)


def page(title: str, about: str, blocks: Iterable[str]) -> str:
    """One page in Markdown."""
    return "\n\n".join([f"# {title}", GENERATED, about, *blocks]) + "\n"


def table(heads: list[str], rows: Iterable[Iterable[str]]) -> str:
    """A table in Markdown."""
    lines = ["| " + " | ".join(heads) + " |", "|" + " --- |" * len(heads)]
    lines += ["| " + " | ".join(cell(text) for text in row) + " |" for row in rows]
    return "\n".join(lines)


def cell(text: str) -> str:
    """Text that may stand in a table."""
    return " ".join(text.split()).replace("|", "\\|")


def sections() -> dict[str, list[str]]:
    """Names of the settings under the headings that the source gives them."""
    found: dict[str, list[str]] = {}
    for line in inspect.getsource(Settings).splitlines():
        if heading := _SECTION.match(line):
            found[heading["title"]] = []
        elif (field := _FIELD.match(line)) and field["name"] in Settings.model_fields:
            found[list(found)[-1]].append(field["name"])
    return found


def variable(name: str) -> str:
    """The environment variable of a setting."""
    return f"BOTYARD_{name.upper()}"


def default(field: FieldInfo) -> str:
    """The default as one would write it in the environment."""
    value = field.get_default(call_default_factory=True)
    if isinstance(value, SecretStr):
        value = value.get_secret_value()
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)


def live(name: str) -> str:
    """When a change that is made while the server runs takes effect; empty where none can be made."""
    return OWNED[name].effective if name in OWNED else ""


def settings_page() -> str:
    """Every setting with its default and meaning."""
    blocks = []
    for title, names in sections().items():
        fields = [(name, Settings.model_fields[name]) for name in names]
        rows = [
            [f"`{variable(n)}`", f"`{default(f)}`" if default(f) else "", live(n), f.description or ""]
            for n, f in fields
        ]
        header = ["variable", "default", "while it runs", "meaning"]
        blocks.append(f"## {title.capitalize()}\n\n" + table(header, rows))
    about = (
        "Environment variables, or lines of a file `.env` in the folder where Botyard starts. Those with a word under "
        "“while it runs” can be [changed while everything runs](../how-to/change-settings.md); a value that is stored "
        "there wins over the one here. The word says when a change takes effect."
    )
    return page("Settings", about, blocks)


def env_example() -> str:
    """Every setting as a commented line with its default."""
    lines = [
        "# Settings of Botyard: copy to .env and take away the # of what you change.",
        "# Written by `make reference` from the code.",
        "",
        "# --- compose.yaml only",
        "",
        "# Password of the PostgreSQL that compose.yaml starts.",
        "#COMPOSE_POSTGRES_PASSWORD=",
        "# Address and port of this machine where compose.yaml shows the server.",
        "#COMPOSE_PUBLISH=127.0.0.1:8000",
    ]
    for title, names in sections().items():
        lines += ["", f"# --- {title}", ""]
        for name in names:
            field = Settings.model_fields[name]
            lines += [f"# {field.description}", f"#{variable(name)}={default(field)}"]
    return "\n".join(lines) + "\n"


def commands_page() -> str:
    """Every command of the command line with its options."""
    cli = importlib.import_module("botyard.cli")
    root = typer.main.get_command(cli.app)
    blocks = [command_block(path, command) for path, command in walk_commands("botyard", root)]
    return page("Commands", "What `botyard` can be told; `--help` behind any of them says the same.", blocks)


def walk_commands(path: str, command: click.Command) -> Iterator[tuple[str, click.Command]]:
    """Every command that does something, with its full name."""
    children: dict[str, click.Command] = getattr(command, "commands", {})
    if not children:
        yield path, command
    for name, child in children.items():
        if not child.hidden:
            yield from walk_commands(f"{path} {name}", child)


def command_block(path: str, command: click.Command) -> str:
    """One command: what it does, its arguments and options."""
    parts = [f"## `{path}`", (command.help or "").strip()]
    rows = []
    for parameter in command.params:
        if parameter.name == "help" or getattr(parameter, "hidden", False):
            continue
        is_option = parameter.param_type_name == "option"
        names = ", ".join(f"`{n}`" for n in [*parameter.opts, *parameter.secondary_opts])
        rows.append(
            [
                names if is_option else f"`{(parameter.name or '').upper()}`",
                getattr(parameter, "help", "") or "",
            ]
        )
    if rows:
        parts.append(table(["option", "meaning"], rows))
    return "\n\n".join(part for part in parts if part)


def subclasses(kind: type[Any]) -> Iterator[type[Any]]:
    """The class and everything derived from it, each once."""
    seen: set[type[Any]] = set()
    waiting = [kind]
    while waiting:
        current = waiting.pop()
        if current not in seen:
            seen.add(current)
            yield current
            waiting += current.__subclasses__()


def first_sentence(kind: object) -> str:
    """The first paragraph of a docstring on one line."""
    return " ".join((inspect.getdoc(kind) or "").split("\n\n")[0].split())


def errors_page() -> str:
    """Every error with its code, status and default message."""
    found: dict[tuple[int, str], str] = {}
    for kind in subclasses(BotyardError):
        if kind.__module__.startswith("botyard."):
            found.setdefault((kind.status, kind.code), first_sentence(kind))
    rows = [[f"`{code}`", str(status), message] for (status, code), message in sorted(found.items())]
    about = (
        "Every error has a stable code, an HTTP status and a message that says what to do next. Each document "
        "writes them in its own envelope; the server's log names them by code."
    )
    return page("Errors", about, [table(["code", "status", "default message"], rows)])


def events_page() -> str:
    """Every event with its fields."""
    rows = []
    for name in sorted(events.names()):
        kind = events.by_name(name)
        if not kind.__module__.startswith("botyard."):
            continue
        fields = [f"`{f.name}`" for f in dataclasses.fields(kind) if f.name != "owner_id"]
        rows.append([f"`{name}`", first_sentence(kind), ", ".join(fields)])
    about = (
        "What happens, told live over WebSocket, server-sent events and Socket.IO to the account that owns the "
        "thing, and to administrators. Each document sends those that it knows, under its own names."
    )
    return page("Events", about, [table(["event", "when", "fields"], rows)])


def server_page() -> str:
    """What the server answers at its root, beside documents and dashboard."""
    rows = []
    for name in ("health", "published_keys", "events", "otlp"):
        module = importlib.import_module(f"botyard.edge.{name}")
        texts = {route.path: route.endpoint for route in module.router.routes}
        for call, rule in module.POLICY.items():
            endpoint = texts.get(call.partition(" ")[2]) or module.socket
            rows.append([f"`{call}`", who(rule), first_sentence(endpoint)])
    about = "At the root of the server, whatever documents it serves."
    return page("Calls of the server itself", about, [table(["call", "who may", "what it does"], rows)])


def endpoint_pages() -> Iterator[tuple[str, str, str]]:
    """A page of calls and the OpenAPI file of each document; kept, so that a change of the API shows in review."""
    app_module = importlib.import_module("botyard.app")
    with TemporaryDirectory() as folder:
        settings = Settings(_env_file=None, data_dir=Path(folder))  # type: ignore[call-arg]
        mounts = {
            route.path: route.app
            for route in app_module.create_app(settings).routes
            if isinstance(route, Mount)
        }
    for document in app_module.documents():
        policy = importlib.import_module(f"botyard.contracts.{document.name}.policy").POLICY
        schema = mounts[document.prefix].openapi()
        written = json.dumps(schema, indent=1, ensure_ascii=False) + "\n"
        yield document.name, endpoints_page(document, schema, policy), written


def endpoints_page(document: Any, schema: dict[str, Any], policy: Mapping[str, Rule]) -> str:
    """Every call of a document and who may use it."""
    by_tag: dict[str, list[list[str]]] = {}
    for path, operations in schema["paths"].items():
        for method, operation in operations.items():
            call = f"{method.upper()} {path}"
            tag = (operation.get("tags") or ["Other"])[0]
            by_tag.setdefault(tag, []).append([f"`{call}`", who(policy[call]), operation_text(operation)])
    blocks = [
        f"## {tag}\n\n" + table(["call", "who may", "what it does"], rows) for tag, rows in by_tag.items()
    ]
    if heard := socket_events(document.name):
        heads = ["our event", "name on the socket"]
        blocks.append("## Events on the socket\n\n" + table(heads, heard))
    about = (
        f"Every call of the document, below `{document.prefix}`, or at the root with "
        f"`botyard serve --at-root {document.name}`. Bodies and answers are described live at "
        f"`{document.prefix}/docs`, and kept in [openapi-{document.name}.json](openapi-{document.name}.json)."
    )
    return page(f"Calls: {schema['info']['title']}", about, blocks)


def operation_text(operation: Mapping[str, Any]) -> str:
    """What a call does, and the parameters of its query."""
    text = _GAP.sub("", operation.get("description") or operation.get("summary") or "")
    query = [f"`{p['name']}`" for p in operation.get("parameters", ()) if p["in"] == "query"]
    return f"{text} Query: {', '.join(query)}." if query else text


def who(rule: Rule) -> str:
    """A policy row in words."""
    if rule.public:
        return "everybody"
    person, key = ("administrator", "a service's") if rule.roles else ("user", "an")
    callers = []
    if Kind.token in rule.kinds:
        callers.append("the signed-in owner" if rule.owns else f"a signed-in {person}")
    if Kind.api_key in rule.kinds:
        callers.append(f"{key} API key with `{rule.scope}`")
    if Kind.bot in rule.kinds:
        callers.append("the bot itself")
    return ", ".join(callers)


def socket_events(name: str) -> list[list[str]]:
    """Which of our events a document's socket sends, and under which name."""
    try:
        table_of = importlib.import_module(f"botyard.contracts.{name}.realtime").EVENTS
    except ModuleNotFoundError:
        return []
    return [[f"`{kind.name}`", f"`{wire}`"] for kind, (wire, _) in table_of.items()]


def stale() -> dict[Path, str]:
    """Generated files that differ from what the code says now, with what they should be."""
    made = pages()
    return {path: text for path, text in made.items() if not path.exists() or path.read_text("utf-8") != text}


def main() -> int:
    """Write the pages that are stale."""
    for path, text in stale().items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
        print(f"written: {path.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
