"""The command queue: a lease queue, so that what was handed out and never answered is handed out again.

A command is delivered at least once until its bot acknowledges it; the first acknowledgement stands.
Every change is one operation of the group-commit writer, so a queue served by several processes never
leases the same command twice (conditional updates, re-checked by the store's own row locks).
"""

from typing import Any

import msgspec

from botyard.core.accounts.types import Principal
from botyard.core.ingest.reader import StreamReader
from botyard.core.ingest.request_key import RequestKey
from botyard.core.ingest.writer import Tx, Writer
from botyard.features.fleet.events import CommandChanged
from botyard.features.fleet.types import CommandRecord, CommandState
from botyard.kit import ids
from botyard.kit.errors import Conflict, Invalid, NotFound

MAX_ATTEMPTS = 5
MAX_LEASE_S = 3600
MAX_JSON = 256 * 1024
_SECOND = 1_000_000

_INSERT = """INSERT INTO commands (id, bot_id, owner_id, created_by, type, payload, state, priority, attempt,
 max_attempts, created_us, available_us, expires_us, dedup_key) VALUES (:id, :bot_id, :owner_id, :created_by,
 :type, :payload, 'queued', :priority, 0, :max_attempts, :created_us, :available_us, :expires_us, :dedup_key)
 ON CONFLICT DO NOTHING"""
_TAKE_BACK = "DELETE FROM commands WHERE id = :id"
_GET = "SELECT * FROM commands WHERE id = :id"
_BY_DEDUP = "SELECT * FROM commands WHERE bot_id = :bot_id AND dedup_key = :dedup_key"
_READY = """SELECT * FROM commands WHERE bot_id = :bot_id AND completed_us IS NULL AND state = 'queued'
 AND available_us <= :now
 AND (expires_us IS NULL OR expires_us > :now) ORDER BY priority DESC, created_us, id LIMIT :limit"""
_LEASE = """UPDATE commands SET state = 'leased', lease_id = :lease_id, lease_until_us = :until,
 attempt = attempt + 1 WHERE id = :id AND state = 'queued'"""
_RENEW = """UPDATE commands SET lease_until_us = :until
 WHERE id = :id AND state = 'leased' AND lease_id = :lease_id"""
_RELEASE = """UPDATE commands SET state = 'queued', lease_id = NULL, lease_until_us = NULL
 WHERE id = :id AND state = 'leased' AND lease_id = :lease_id"""
# What ends by itself ends only while it still must: between the look and the change another process may
# have finished the command, or its bot renewed the lease.
_LAPSE = """UPDATE commands SET state = 'queued', lease_id = NULL, lease_until_us = NULL
 WHERE id = :id AND state = 'leased' AND lease_until_us <= :now"""
_GIVE_UP = """UPDATE commands SET state = :state, result = :result, completed_us = :now, lease_until_us = NULL
 WHERE id = :id AND state = 'leased' AND lease_until_us <= :now"""
_EXPIRE = """UPDATE commands SET state = :state, result = :result, completed_us = :now
 WHERE id = :id AND state = 'queued' AND expires_us <= :now"""
_FINISH = """UPDATE commands SET state = :state, result = :result, completed_us = :now, lease_until_us = NULL
 WHERE id = :id AND state IN ('queued', 'leased')"""
_FINISH_LEASED = f"{_FINISH} AND (state = 'queued' OR lease_id = :lease_id OR lease_until_us <= :now)"
_OVERDUE = """SELECT * FROM commands WHERE state = 'leased' AND lease_until_us <= :now
 ORDER BY lease_until_us LIMIT 500"""
_OVERDUE_OF_BOT = """SELECT * FROM commands WHERE bot_id = :bot_id AND completed_us IS NULL AND state = 'leased'
 AND lease_until_us <= :now"""
_EXPIRED = """SELECT * FROM commands WHERE state = 'queued' AND expires_us IS NOT NULL AND expires_us <= :now
 ORDER BY expires_us LIMIT 500"""
_PENDING = """SELECT * FROM commands WHERE bot_id = :bot_id AND completed_us IS NULL
 AND available_us <= :now AND (expires_us IS NULL OR expires_us > :now)
 ORDER BY priority DESC, created_us, id LIMIT :limit"""
_NEXT = """SELECT MIN(CASE WHEN state = 'leased' THEN lease_until_us ELSE available_us END) AS due
 FROM commands WHERE bot_id = :bot_id AND completed_us IS NULL AND (state = 'leased'
 OR state = 'queued' AND (expires_us IS NULL OR expires_us > :now))"""


async def create(
    writer: Writer,
    *,
    bot_id: str,
    owner_id: int,
    created_by: int,
    type: str,  # noqa: A002 - the field's standard term
    payload: Any = None,
    priority: int = 0,
    delay_s: float = 0,
    expires_in_s: float | None = None,
    dedup_key: str | None = None,
    key: RequestKey | None = None,
) -> CommandRecord:
    """Queue a command. The same `dedup_key` again answers the first command; Conflict if it differs.

    So does the same request under the same `key`; KeyReused if it is another one.
    """
    if not type or len(type) > 100:
        raise Invalid("A command needs a type of 1 to 100 characters.")
    text = _json(payload if payload is not None else {}, "payload")
    command_id = ids.new("cmd")

    def operation(tx: Tx) -> CommandRecord:
        row = {
            "id": command_id,
            "bot_id": bot_id,
            "owner_id": owner_id,
            "created_by": created_by,
            "type": type,
            "payload": text,
            "priority": priority,
            "max_attempts": MAX_ATTEMPTS,
            "created_us": tx.now_us,
            "available_us": tx.now_us + int(delay_s * _SECOND),
            "expires_us": None if expires_in_s is None else tx.now_us + int(expires_in_s * _SECOND),
            "dedup_key": dedup_key,
        }
        made, fresh = command_id, bool(tx.execute(_INSERT, row))
        if not fresh:  # the store itself finds the first one, also another process'
            [known] = tx.query(_BY_DEDUP, {"bot_id": bot_id, "dedup_key": dedup_key})
            made = _same(CommandRecord.of(known), type, text).id
        if key is not None and (first := tx.claim(key, made)) is not None:
            if fresh:
                tx.execute(_TAKE_BACK, {"id": command_id})
            return _get_any(tx, first)
        if not fresh:
            return _get(tx, made)
        tx.tally(owner_id, bot_id, **{"commands": 1, "commands_pending": 1, f"type:{type}": 1})
        command = _get(tx, command_id)
        _tell(tx, command)
        return command

    return await writer.run(operation)


async def lease(writer: Writer, *, bot_id: str, limit: int, lease_s: float) -> list[CommandRecord]:
    """Hand out up to `limit` commands, highest priority then oldest first, for `lease_s` seconds each.

    What the bot took and let go by is ready again before it, in its old place.
    """
    if not 1 <= lease_s <= MAX_LEASE_S:
        raise Invalid(f"A lease lasts 1 to {MAX_LEASE_S} seconds.")

    def operation(tx: Tx) -> list[CommandRecord]:
        for row in tx.query(_OVERDUE_OF_BOT, {"bot_id": bot_id, "now": tx.now_us}):
            _lapse(tx, CommandRecord.of(row))
        leased = []
        until = tx.now_us + int(lease_s * _SECOND)
        for row in tx.query(_READY, {"bot_id": bot_id, "now": tx.now_us, "limit": limit}):
            if tx.execute(_LEASE, {"id": row["id"], "lease_id": ids.ulid(), "until": until}):
                command = _get(tx, row["id"])
                _tell(tx, command)
                leased.append(command)
        return leased

    return await writer.run(operation)


async def acknowledge(
    writer: Writer,
    *,
    command_id: str,
    caller: Principal,
    succeeded: bool,
    result: Any = None,
    lease_id: str | None = None,
) -> CommandRecord:
    """Finish a command. The first acknowledgement stands: an equal one again answers the same record.

    Accepted also after the lease ran out, as long as nobody else finished the command. With `lease_id`,
    Conflict while another lease of the command is live. Raises NotFound for a command of another bot or
    account, Conflict for a different second acknowledgement.
    """
    text = _json(result, "result") if result is not None else None
    state = CommandState.completed if succeeded else CommandState.failed

    def operation(tx: Tx) -> CommandRecord:
        command = _get_for(tx, command_id, caller)
        if command.finished:
            return _same_end(command, state, text)
        return _finish(tx, command, state, text, lease_id=lease_id)

    return await writer.run(operation)


async def renew(writer: Writer, *, command_id: str, caller: Principal, lease_id: str, lease_s: float) -> int:
    """Keep a lease for `lease_s` seconds from now; answers its new end. Conflict when it is lost."""
    if not 1 <= lease_s <= MAX_LEASE_S:
        raise Invalid(f"A lease lasts 1 to {MAX_LEASE_S} seconds.")

    def operation(tx: Tx) -> int:
        _get_for(tx, command_id, caller)
        until = tx.now_us + int(lease_s * _SECOND)
        if not tx.execute(_RENEW, {"id": command_id, "lease_id": lease_id, "until": until}):
            raise Conflict("This lease has ended: the command was finished, or handed out again.")
        return until

    return await writer.run(operation)


async def release(
    writer: Writer, *, command_id: str, caller: Principal, lease_id: str, key: RequestKey | None = None
) -> CommandRecord:
    """Give a leased command back to the queue at once. Conflict when the lease is lost.

    The same `key` again changes nothing and answers the command as it stands.
    """

    def operation(tx: Tx) -> CommandRecord:
        command = _get_for(tx, command_id, caller)
        if key is not None and tx.claim(key, command_id) is not None:
            return command
        if not tx.execute(_RELEASE, {"id": command_id, "lease_id": lease_id}):
            raise Conflict("This lease has ended: the command was finished, or handed out again.")
        return _told(tx, command_id)

    return await writer.run(operation)


async def cancel(writer: Writer, *, command_id: str, caller: Principal) -> CommandRecord:
    """Take a command back. A bot that has leased it learns of it when its acknowledgement is refused."""

    def operation(tx: Tx) -> CommandRecord:
        command = _get_for(tx, command_id, caller)
        if command.state is CommandState.cancelled:
            return command
        if command.finished:
            raise Conflict(f"This command has already {command.state.value}.")
        return _finish(tx, command, CommandState.cancelled, _CANCELLED)

    return await writer.run(operation)


async def settle(writer: Writer) -> int:
    """End what is overdue on every bot: leases that ran out go back to the queue or fail after the last
    attempt, commands past their expiry expire. Answers how many changed; safe to run anywhere, any time."""

    def operation(tx: Tx) -> int:
        overdue = [CommandRecord.of(row) for row in tx.query(_OVERDUE, {"now": tx.now_us})]
        expired = [CommandRecord.of(row) for row in tx.query(_EXPIRED, {"now": tx.now_us})]
        for command in overdue:
            _lapse(tx, command)
        for command in expired:
            _expire(tx, command)
        return len(overdue) + len(expired)

    return await writer.run(operation)


async def overdue(reader: StreamReader, *, now_us: int) -> bool:
    """Whether `settle` has anything to do; an index answers it."""
    sql = """SELECT 1 AS due WHERE EXISTS (SELECT 1 FROM commands WHERE state = 'leased' AND lease_until_us <= :now)
 OR EXISTS (SELECT 1 FROM commands WHERE state = 'queued' AND expires_us IS NOT NULL AND expires_us <= :now)"""
    return bool(await reader.query(sql, {"now": now_us}))


async def pending(reader: StreamReader, *, bot_id: str, limit: int, now_us: int) -> list[CommandRecord]:
    """What a bot has still to do, oldest first within a priority; takes nothing away."""
    rows = await reader.query(_PENDING, {"bot_id": bot_id, "now": now_us, "limit": limit})
    return [CommandRecord.of(row) for row in rows]


async def next_due_us(reader: StreamReader, *, bot_id: str, now_us: int) -> int | None:
    """When the next command of a bot can be handed out, perhaps in the past; None when there is none."""
    rows = await reader.query(_NEXT, {"bot_id": bot_id, "now": now_us})
    due: int | None = rows[0]["due"]
    return due


async def history(
    reader: StreamReader,
    *,
    bot_id: str | None = None,
    owner_id: int | None = None,
    limit: int = 50,
    before_us: int = 2**62,
) -> list[CommandRecord]:
    """Commands in every state, newest first, of one bot, of one account, or of all."""
    wheres = ["created_us < :before"]
    params: dict[str, Any] = {"limit": limit, "before": before_us}
    for column, value in (("bot_id", bot_id), ("owner_id", owner_id)):
        if value is not None:
            wheres.append(f"{column} = :{column}")
            params[column] = value
    sql = (
        f"SELECT * FROM commands WHERE {' AND '.join(wheres)} ORDER BY created_us DESC, id DESC LIMIT :limit"  # noqa: S608 - columns are ours
    )
    return [CommandRecord.of(row) for row in await reader.scan(sql, params)]


async def get(reader: StreamReader, command_id: str, *, caller: Principal) -> CommandRecord:
    """One command that the caller may see. Raises NotFound."""
    rows = await reader.query(_GET, {"id": command_id})
    if not rows or not _visible(rows[0], caller):
        raise NotFound("There is no such command.")
    return CommandRecord.of(rows[0])


def _get(tx: Tx, command_id: str) -> CommandRecord:
    return CommandRecord.of(tx.query(_GET, {"id": command_id})[0])


def _get_any(tx: Tx, command_id: str) -> CommandRecord:
    """One that may have been removed since."""
    rows = tx.query(_GET, {"id": command_id})
    if not rows:
        raise NotFound("There is no such command.")
    return CommandRecord.of(rows[0])


def _get_for(tx: Tx, command_id: str, caller: Principal) -> CommandRecord:
    rows = tx.query(_GET, {"id": command_id})
    if not rows or not _visible(rows[0], caller):
        raise NotFound("There is no such command.")
    return CommandRecord.of(rows[0])


def _visible(row: dict[str, Any], caller: Principal) -> bool:
    if caller.bot_id:
        return bool(row["bot_id"] == caller.bot_id)
    return caller.is_admin or bool(row["owner_id"] == caller.user_id)


def _finish(
    tx: Tx, command: CommandRecord, state: CommandState, result: str | None, *, lease_id: str | None = None
) -> CommandRecord:
    update = _FINISH if lease_id is None else _FINISH_LEASED
    if not _end(tx, update, command, state, result, lease_id=lease_id):
        there = _get(tx, command.id)
        if not there.finished:
            raise Conflict("This command was handed out again; whoever has it now says how it ends.")
        return _same_end(there, state, result)  # another process finished it meanwhile
    return _told(tx, command.id)


def _end(
    tx: Tx,
    update: str,
    command: CommandRecord,
    state: CommandState,
    result: str | None,
    *,
    lease_id: str | None = None,
) -> bool:
    """Whether the update still found the command as it must be; then it is counted too."""
    row = {"id": command.id, "state": state.value, "result": result, "now": tx.now_us, "lease_id": lease_id}
    if not tx.execute(update, row):
        return False
    outcome = "commands_completed" if state is CommandState.completed else "commands_failed"
    tx.tally(command.owner_id, command.bot_id, **{"commands_pending": -1, outcome: 1})
    return True


def _lapse(tx: Tx, command: CommandRecord) -> None:
    """End a lease that ran out: back to the queue, or failed after the last attempt."""
    if command.attempt >= command.max_attempts:
        changed = _end(tx, _GIVE_UP, command, CommandState.failed, _UNANSWERED)
    else:
        changed = bool(tx.execute(_LAPSE, {"id": command.id, "now": tx.now_us}))
    if changed:
        _told(tx, command.id)


def _expire(tx: Tx, command: CommandRecord) -> None:
    if _end(tx, _EXPIRE, command, CommandState.expired, _EXPIRED_RESULT):
        _told(tx, command.id)


def _told(tx: Tx, command_id: str) -> CommandRecord:
    command = _get(tx, command_id)
    _tell(tx, command)
    return command


def _tell(tx: Tx, command: CommandRecord) -> None:
    tx.emit(
        CommandChanged(
            owner_id=command.owner_id,
            bot_id=command.bot_id,
            command_id=command.id,
            type=command.type,
            state=command.state.value,
            attempt=command.attempt,
            result=command.result,
            completed_us=command.completed_us,
        )
    )


def _same(existing: CommandRecord, type: str, payload: str) -> CommandRecord:  # noqa: A002
    if existing.type != type or not _equal(existing.payload, payload):
        raise Conflict("Another command of this bot has the same dedup_key.")
    return existing


def _same_end(command: CommandRecord, state: CommandState, result: str | None) -> CommandRecord:
    if command.state is state and _equal(command.result, result or "null"):
        return command
    raise Conflict(f"This command has already {_PAST.get(command.state, command.state.value)}; that stands.")


def _equal(value: Any, text: str) -> bool:
    """Whether both are the same JSON; to Python itself `1`, `1.0` and `true` would be equal."""
    other = msgspec.json.decode(text)
    return _sorted.encode(value) == _sorted.encode(other)


def _json(value: Any, what: str) -> str:
    text = msgspec.json.encode(value).decode()
    if len(text) > MAX_JSON:
        raise Invalid(f"The {what} of a command has at most {MAX_JSON // 1024} KiB as JSON.")
    return text


_sorted = msgspec.json.Encoder(order="sorted")
_PAST = {CommandState.cancelled: "been cancelled"}
_CANCELLED = '{"error":"cancelled"}'
_UNANSWERED = '{"error":"The bot took this command and never answered."}'
_EXPIRED_RESULT = '{"error":"The command expired before its bot took it."}'
