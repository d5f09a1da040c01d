"""One bot: its log lines, messages, commands, settings, data and access, each on a tab of its own."""

import json
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import Response

from botyard.core.accounts import second_factor
from botyard.core.bots import service as bots
from botyard.core.bots.models import Bot, BotKind
from botyard.edge.guard import GuardedRoute
from botyard.features.fleet import commands, data, records, stats, threads
from botyard.features.fleet.events import (
    CommandChanged,
    DataSynced,
    LogReceived,
    MessageReceived,
    PresenceChanged,
)
from botyard.features.fleet.threads import Thread
from botyard.kit import clock
from botyard.web import bot_rows, logs, words
from botyard.web.lists import Key, after_key
from botyard.web.rendering import render
from botyard.web.scene import Pieces, Scene, View, live_address
from botyard.web.shell import Page, PageFor, SceneFor
from botyard.web.synced import tables

router = APIRouter(prefix="/fleet/{bot_id}", route_class=GuardedRoute)
_TABS = (
    ("logs", "Logs"),
    ("messages", "Messages"),
    ("commands", "Commands"),
    ("settings", "Settings"),
    ("data", "Data"),
    ("access", "Access"),
)
_SHOWN = 50


async def load(scene: Scene, bot_id: str) -> Bot:
    """A bot that the viewer may work with. Raises NotFound."""
    async with scene.db.reader() as session:
        return await bots.get_for(session, bot_id, kind=BotKind.fleet, caller=scene.caller)


async def _bot(request: Request, scene: SceneFor) -> Bot:
    return await load(scene, request.path_params["bot_id"])


BotOf = Annotated[Bot, Depends(_bot)]


async def _show(page: Page, scene: Scene, bot: Bot, tab: str, **context: Any) -> Response:
    links = [(key, word, f"/fleet/{bot.id}" + ("" if key == "logs" else f"/{key}")) for key, word in _TABS]
    row = await bot_rows.one(scene, bot)
    return page.show(f"bot_{tab}.html", bot=row, tab=tab, tabs=links, **context)


@router.get("")
async def logs_tab(
    page: PageFor, scene: SceneFor, bot: BotOf, wanted: Annotated[logs.Wanted, Query()]
) -> Response:
    """The bot's log lines, live."""
    wanted.bot = bot.id
    context = await logs.context(scene, wanted, path=f"/fleet/{bot.id}", show_bot=False, view="bot-logs")
    return await _show(page, scene, bot, "logs", **context)


@router.get("/messages")
async def messages_tab(
    page: PageFor, scene: SceneFor, bot: BotOf, thread: str = "", before: Key = 0
) -> Response:
    """What the bot hears and says, of all threads or of one."""
    live = "" if before else live_address("bot-messages", {"bot": bot.id, "thread": thread})
    return await _show(
        page, scene, bot, "messages", live=live, **await _messages(scene, bot.id, thread, before)
    )


@dataclass(frozen=True, slots=True)
class ThreadRow:
    """A thread in the list, with the beginning of its last message."""

    id: str
    type: str
    kind: str
    title: str
    last: str
    at: Any

    @classmethod
    def of(cls, thread: Thread) -> "ThreadRow":
        """Groups are called by their id, people by their name."""
        row = thread.last
        person = thread.type == "USER"
        return cls(
            thread.id,
            thread.type,
            "person" if person else "group",
            (row["author_name"] if person else "") or thread.id,
            row["message"][:80],
            clock.from_us(row["at_us"]),
        )


async def _messages(scene: Scene, bot_id: str, thread_id: str, before: int) -> dict[str, Any]:
    listed = [ThreadRow.of(thread) for thread in await threads.list_threads(scene.stream, bot_id=bot_id)]
    chosen = next((thread for thread in listed if thread.id == thread_id), None)
    if chosen:
        rows = await threads.messages(
            scene.stream, bot_id=bot_id, thread_id=thread_id, limit=_SHOWN, before_id=before or 2**62
        )
    else:
        rows = await records.list_rows(
            scene.stream, "messages", bot_id=bot_id, limit=_SHOWN, before_id=before or None
        )
    pager = after_key(
        rows,
        limit=_SHOWN,
        path=f"/fleet/{bot_id}/messages",
        params={"thread": thread_id},
        before=before,
        last=rows[-1]["id"] if rows else 0,
    )
    return {"messages": rows, "threads": listed, "thread": chosen, "pager": pager}


@router.get("/commands")
async def commands_tab(page: PageFor, scene: SceneFor, bot: BotOf, before: Key = 0) -> Response:
    """The bot's commands and how each one fared."""
    live = "" if before else live_address("bot-commands", {"bot": bot.id})
    context = await _commands(scene, bot.id, before)
    return await _show(page, scene, bot, "commands", live=live, **context)


async def _commands(scene: Scene, bot_id: str, before: Key = 0) -> dict[str, Any]:
    found = await commands.history(scene.stream, bot_id=bot_id, limit=_SHOWN, before_us=before or 2**62)
    pager = after_key(
        found,
        limit=_SHOWN,
        path=f"/fleet/{bot_id}/commands",
        params={},
        before=before,
        last=found[-1].created_us if found else 0,
    )
    return {
        "commands": found,
        "command_states": words.COMMAND,
        "counts": await stats.of_bot(scene.stream, bot_id=bot_id),
        "pager": pager,
    }


@router.get("/settings")
async def settings_tab(page: PageFor, scene: SceneFor, bot: BotOf) -> Response:
    """The settings that the bot reads."""
    written = [(key, _written(value)) for key, value in sorted(bot.settings.items())]
    live = live_address("bot", {"bot": bot.id})
    return await _show(page, scene, bot, "settings", settings=written, live=live)


def _written(value: object) -> str:
    """A text as it is, unless it would be read as JSON; anything else as JSON."""
    if isinstance(value, str):
        try:
            json.loads(value)
        except ValueError:
            return value
    return json.dumps(value, ensure_ascii=False)


@router.get("/data")
async def data_tab(page: PageFor, scene: SceneFor, bot: BotOf) -> Response:
    """What the bot last synced of its world."""
    live = live_address("bot-data", {"bot": bot.id})
    return await _show(page, scene, bot, "data", live=live, **await _data(scene, bot.id))


async def _data(scene: Scene, bot_id: str) -> dict[str, Any]:
    synced = await data.get(scene.stream, bot_id=bot_id)
    found, rest = tables(synced.data or {})
    at = None if synced.updated_us is None else clock.from_us(synced.updated_us)
    return {"tables": found, "rest": rest, "updated_at": at}


@router.get("/access")
async def access_tab(page: PageFor, scene: SceneFor, bot: BotOf) -> Response:
    """Token, name and end of the bot."""
    async with scene.db.reader() as session:
        factor = await second_factor.is_on(session, scene.caller.user_id)
    live = live_address("bot", {"bot": bot.id})
    return await _show(page, scene, bot, "access", second_factor=factor, live=live)


# --- live ---------------------------------------------------------------------------------------------


async def check(scene: Scene) -> None:
    """A bot's stream is for those who may see the bot. Raises NotFound."""
    await load(scene, scene.says("bot"))


async def draw_state(scene: Scene) -> Pieces:
    """The line under the bot's name."""
    row = await bot_rows.one(scene, await load(scene, scene.says("bot")))
    return {"#bot-state": render("_bot_state.html", bot=row)}


async def draw_messages(scene: Scene) -> Pieces:
    """Threads and messages again."""
    context = await _messages(scene, scene.says("bot"), scene.says("thread"), 0)
    context["bot"] = await load(scene, scene.says("bot"))
    drawn = {f"#{name}": render(f"_{name}.html", **context) for name in ("messages", "threads")}
    return {**await draw_state(scene), **drawn}


async def draw_commands(scene: Scene) -> Pieces:
    """The commands again."""
    context = await _commands(scene, scene.says("bot"))
    return {**await draw_state(scene), "#commands": render("_commands.html", **context)}


async def draw_data(scene: Scene) -> Pieces:
    """The data again."""
    context = await _data(scene, scene.says("bot"))
    return {**await draw_state(scene), "#data": render("_data.html", **context)}


_STATE = frozenset({PresenceChanged.name})
LIVE = {
    "bot": View(_STATE, draw_state, every_s=5, check=check),
    "bot-logs": View(_STATE | {LogReceived.name}, draw_state, every_s=5, tail=logs.TAIL, check=check),
    "bot-messages": View(_STATE | {MessageReceived.name}, draw_messages, every_s=5, check=check),
    "bot-commands": View(_STATE | {CommandChanged.name}, draw_commands, every_s=5, check=check),
    "bot-data": View(_STATE | {DataSynced.name}, draw_data, every_s=5, check=check),
}
