"""The `botyard` command."""

import asyncio
import json
import sys
from collections.abc import Callable, Coroutine, Iterator
from contextlib import AsyncExitStack, contextmanager, suppress
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from pydantic import ValidationError
from rich.console import Console
from rich.panel import Panel

from botyard import __version__
from botyard.kit.errors import BotyardError
from botyard.settings import Settings

app = typer.Typer(
    name="botyard",
    help="A self-hosted server for bots of every kind. Settings are BOTYARD_* variables; see docs/reference/settings.md.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
audit_commands = typer.Typer(help="The log of who did what.", no_args_is_help=True)
vault_commands = typer.Typer(help="Secrets and the key they are sealed under.", no_args_is_help=True)
admin_commands = typer.Typer(help="Accounts, from the server's own shell.", no_args_is_help=True)
key_commands = typer.Typer(help="Keys that sign access tokens.", no_args_is_help=True)
config_commands = typer.Typer(help="Settings that change while the server runs.", no_args_is_help=True)
app.add_typer(audit_commands, name="audit")
app.add_typer(config_commands, name="config")
app.add_typer(vault_commands, name="vault")
app.add_typer(admin_commands, name="admin")
app.add_typer(key_commands, name="token-key")

out = Console(highlight=False)
err = Console(stderr=True, highlight=False)


def main() -> None:
    """Run the command; a refusal is one paragraph and exit code 2, never a traceback."""
    try:
        app()
    except BotyardError as error:
        err.print(f"[bold red]botyard:[/] {error}", soft_wrap=True)
        sys.exit(2)


def settings() -> Settings:
    """The settings of this process, or one line for each that is wrong, and exit code 2."""
    try:
        chosen = Settings()
        assert chosen.stores  # what is wrong with the address shows here
        return chosen
    except ValidationError as error:
        for problem in error.errors():
            name = "BOTYARD_" + "_".join(str(part) for part in problem["loc"]).upper()
            err.print(
                f"[bold red]botyard:[/] {name}: {problem['msg'].removeprefix('Value error, ')}",
                soft_wrap=True,
            )
        raise typer.Exit(2) from None
    except ValueError as error:
        err.print(f"[bold red]botyard:[/] {error}", soft_wrap=True)
        raise typer.Exit(2) from None


def run(work: Coroutine[Any, Any, Any]) -> Any:
    """Run a coroutine on uvloop."""
    import uvloop

    return uvloop.run(work)


@app.command()
def up() -> None:
    """Start server, worker and dashboard in one process, and set everything up at the first start."""
    run(_serve(settings(), works=True))


@app.command()
def serve(
    at_root: Annotated[
        str, typer.Option(help="Serve this one document at / instead of all under their prefixes.")
    ] = "",
    host: Annotated[str, typer.Option(help="Address to listen on, instead of BOTYARD_HOST.")] = "",
    port: Annotated[
        int | None,
        typer.Option(
            min=0, max=65535, help="Port to listen on, instead of BOTYARD_PORT; 0 takes a free one."
        ),
    ] = None,
) -> None:
    """Start a server; on SQLite it runs jobs too, on PostgreSQL `botyard worker` runs them beside it."""
    chosen = settings()
    changes = {"host": host or chosen.host, "port": chosen.port if port is None else port}
    # On SQLite one process does everything, so this one works too.
    run(_serve(chosen.model_copy(update=changes), works=chosen.stores.embedded, at_root=at_root or None))


async def _serve(chosen: Settings, *, works: bool, at_root: str | None = None) -> None:
    from botyard import server
    from botyard.kit import logging

    logging.setup(chosen.log_level, chosen.log_format)
    async with AsyncExitStack() as stack:
        if chosen.stores.embedded:
            stack.enter_context(server.lock(chosen.data_dir))
        sock = stack.enter_context(server.bind(chosen.host, chosen.port))
        chosen = chosen.model_copy(update={"port": sock.getsockname()[1]})
        with server.starting():
            from botyard.app import create_app

            application = create_app(chosen, at_root=at_root, works=works)
            yard = application.state.yard
            await yard.start()
        stack.push_async_callback(yard.stop)
        serving = server.Server(
            server.configure(application, chosen),
            ready=lambda: _greet(chosen, yard.first_password),
            release=yard.release,
        )
        await serving.serve(sockets=[sock])


def _greet(chosen: Settings, first_password: str | None) -> None:
    lines = [f"Botyard {__version__} is ready at [bold]{chosen.base_url}[/]"]
    if first_password is not None:
        lines += [
            "",
            f"First administrator: [bold]{chosen.admin_username}[/]",
            f"Password, shown only now: [bold]{first_password}[/]",
        ]
    out.print(Panel.fit("\n".join(lines), border_style="cyan"))
    sys.stdout.flush()


@app.command()
def worker() -> None:
    """Run jobs on this machine; needs PostgreSQL, where any number of workers share the work."""
    chosen = settings()
    if chosen.stores.embedded:
        err.print(
            "[bold red]botyard:[/] A worker of its own needs PostgreSQL: set BOTYARD_DATABASE_URL. "
            "On SQLite `botyard up` runs the worker inside the server.",
            soft_wrap=True,
        )
        raise typer.Exit(2)
    run(_work(chosen))


async def _work(chosen: Settings) -> None:
    from botyard import server
    from botyard.app import Yard
    from botyard.kit import logging

    logging.setup(chosen.log_level, chosen.log_format)
    yard = Yard(chosen, serves=False)
    with server.starting():
        await yard.start()
    try:
        out.print("The worker is ready.")
        sys.stdout.flush()
        await server.until_told(yard.release)
    finally:
        await yard.stop()


@app.command()
def migrate(
    from_sqlite: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Main SQLite file of an installation, whose rows all go to the PostgreSQL that "
            "BOTYARD_DATABASE_URL names. Stop its server first, and keep BOTYARD_DATA_DIR, which has its keys. "
            "The files are renamed afterwards.",
        ),
    ] = None,
) -> None:
    """Bring the database to this version's schema; a server does it at its start, too."""
    from botyard import migrations
    from botyard.core.jobs import transact
    from botyard.migrations import tables

    assert tables.ALL
    if from_sqlite is not None:
        _move(settings(), from_sqlite)
        return
    stores = settings().stores
    changed = migrations.upgrade(stores)
    transact.prepare(stores)  # the job engine's own tables
    out.print(f"Changed: {', '.join(changed)}." if changed else "The database has the newest schema already.")


@contextmanager
def _bar(what: str) -> Iterator[Callable[[int, int], None]]:
    """Show how far something is: what is yielded gets how much is done, and of how much."""
    from rich.progress import Progress

    with Progress(console=err) as progress:
        task = progress.add_task(what, total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)


def _move(chosen: Settings, file: Path) -> None:
    from botyard import maintenance, server, transfer

    with server.lock(chosen.data_dir), _bar("Moving") as progress:
        moved = run(maintenance.move(chosen, file, progress=progress))
    out.print(
        f"{moved} rows are in PostgreSQL now. Start with the same BOTYARD_DATABASE_URL and BOTYARD_DATA_DIR; "
        f"the files are kept as *{transfer.SUFFIX}.",
        soft_wrap=True,
    )


@app.command()
def doctor() -> None:
    """Look at settings, keys, database, disk and helpers, and say what is wrong and what to do."""
    from botyard import doctor as examination

    findings = asyncio.run(examination.examine(settings()))
    for finding in findings:
        mark = {"ok": "[green]ok[/]  ", "note": "[yellow]note[/]", "wrong": "[red]wrong[/]"}[finding.verdict]
        out.print(f"{mark}  {finding.what}", soft_wrap=True)
        if finding.remedy:
            out.print(f"      {finding.remedy}", soft_wrap=True)
    if any(finding.verdict == "wrong" for finding in findings):
        raise typer.Exit(1)


@app.command()
def version() -> None:
    """Print the version."""
    out.print(__version__)


@audit_commands.command("verify")
def audit_verify() -> None:
    """Check the hash chain; exit code 1 and the first bad entry when something was changed."""
    from botyard import maintenance

    report = run(maintenance.verify_audit(settings()))
    out.print(report.text, soft_wrap=True)
    if not report.ok:
        raise typer.Exit(1)


@vault_commands.command("rotate")
def vault_rotate(
    reencrypt: Annotated[bool, typer.Option(help="Encrypt every record anew as well.")] = False,
    this_machine_only: Annotated[
        bool,
        typer.Option(
            "--this-machine-only",
            help="On PostgreSQL: make the new key although other machines, if there were any, would not have it.",
        ),
    ] = False,
) -> None:
    """Make a new master key and seal the data keys under it, while the server runs or not."""
    from botyard import maintenance

    with _bar("Rotating") as progress:
        count = run(
            maintenance.rotate_vault(
                settings(), reencrypt=reencrypt, one_file=this_machine_only, progress=progress
            )
        )
    keys = "1 data key is" if count == 1 else f"{count} data keys are"
    out.print(f"The vault has a new master key; {keys} sealed under it.")


_Service = Annotated[str, typer.Argument(help="Name of the service; botyard for the server's own settings.")]
_Key = Annotated[str, typer.Argument(help="Name of the setting.")]


@config_commands.command("list")
def config_list(
    service: Annotated[
        str, typer.Argument(help="Show this service's settings instead of all services.")
    ] = "",
) -> None:
    """Show the services, or the settings of one; of a secret only its version."""
    from botyard import maintenance

    if not service:
        for name, number in run(maintenance.services(settings())).items():
            out.print(f"{name}: {number} settings", markup=False, soft_wrap=True)
        return
    for key, value in run(maintenance.read_config(settings(), service)).items():
        out.print(f"{key} = {_as_json(value)}", markup=False, soft_wrap=True)


@config_commands.command("get")
def config_get(service: _Service, key: _Key) -> None:
    """Print one value as JSON; exit code 1 where there is none."""
    from botyard import maintenance

    found = run(maintenance.read_config(settings(), service))
    if key not in found:
        err.print(f"[bold red]botyard:[/] {service} has no setting of that name.", soft_wrap=True)
        raise typer.Exit(1)
    out.print(_as_json(found[key]), markup=False, soft_wrap=True)


@config_commands.command("set")
def config_set(
    service: _Service,
    key: _Key,
    value: Annotated[
        str | None, typer.Argument(help="JSON such as 10 or true, else a text; null removes it.")
    ] = None,
    secret: Annotated[bool, typer.Option(help="Ask for a secret, which goes into the vault.")] = False,
) -> None:
    """Change a setting; a running server follows within a second."""
    from botyard import maintenance

    if (value is None) is not secret:
        raise typer.BadParameter("Give either a value or --secret.")
    chosen: Any = value
    if value is None:
        chosen = {"$secret": typer.prompt("Secret", hide_input=True, confirmation_prompt=True)}
    else:
        with suppress(ValueError):  # what is no JSON is a text
            chosen = json.loads(value)
    run(maintenance.change_config(settings(), service, key, chosen))
    gone = "back to its start value" if service == "botyard" else "removed"
    out.print(f"{key} of {service} is {gone if chosen is None else 'set'}.", markup=False)


@config_commands.command("history")
def config_history(
    service: Annotated[str, typer.Argument(help="Only of this service.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many changes.")] = 20,
) -> None:
    """Show what was changed, newest first."""
    from botyard import maintenance

    for row in run(maintenance.config_changes(settings(), service or None, limit=limit)):
        who = "command line" if row.by_ref == "shell" else f"account {row.by_user}"
        what = f"{row.service} {row.key}: {_as_json(row.before)} -> {_as_json(row.after)}"
        out.print(f"{row.id}  {row.at:%Y-%m-%d %H:%M:%S}Z  {who}  {what}", markup=False, soft_wrap=True)


@config_commands.command("undo")
def config_undo(change: Annotated[int, typer.Argument(help="Number of the change in the history.")]) -> None:
    """Put back the value from before a change."""
    from botyard import maintenance

    made = run(maintenance.undo_config(settings(), change))
    out.print(f"{made.key} of {made.service} is as it was before.", markup=False)


def _as_json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


@key_commands.command("make")
def token_key_make(
    path: Annotated[Path, typer.Argument(help="New file, which only you can read.")],
    kind: Annotated[Literal["ed25519", "p256"], typer.Option("--type", help="Kind of key.")] = "ed25519",
) -> None:
    """Make a private key that signs access tokens, so that gateways can check them by its public half."""
    from botyard.kit import keypairs

    pair = keypairs.make(path, kind)
    out.print(f"{path.resolve()} holds a new key ({pair.algorithm}, id {pair.kid}).", soft_wrap=True)
    out.print(f"Let it sign with: BOTYARD_TOKEN_KEY_FILE={path.resolve()}", soft_wrap=True)


@admin_commands.command("create")
def admin_create(
    username: Annotated[str, typer.Argument(help="User name.")],
    email: Annotated[str, typer.Argument(help="Mail address.")],
    password: Annotated[
        str,
        typer.Option(prompt=True, hide_input=True, confirmation_prompt=True, help="Asked for when absent."),
    ],
) -> None:
    """Make another administrator."""
    from botyard import maintenance

    run(maintenance.create_admin(settings(), username=username, email=email, password=password))
    out.print(f"{username} is an administrator now.")


@admin_commands.command("reset-password")
def admin_reset_password(
    identity: Annotated[str, typer.Argument(help="User name or mail address.")],
    password: Annotated[
        str,
        typer.Option(prompt=True, hide_input=True, confirmation_prompt=True, help="Asked for when absent."),
    ],
    without_second_factor: Annotated[
        bool, typer.Option(help="Switch the second factor off as well.")
    ] = False,
) -> None:
    """Set somebody's password; every session of the account ends."""
    from botyard import maintenance

    run(
        maintenance.reset_password(
            settings(), identity=identity, password=password, drop_factor=without_second_factor
        )
    )
    out.print(f"The password of {identity} is changed.")


if __name__ == "__main__":
    main()
