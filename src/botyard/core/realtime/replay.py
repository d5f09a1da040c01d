"""One page of several tables, merged by time; within a table in id order."""

import heapq
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import structlog

from botyard.core.realtime import metrics
from botyard.core.realtime.cursor import Positions
from botyard.core.realtime.events import Event, UnknownEvent
from botyard.core.realtime.source import Source, Tables, concerns
from botyard.core.realtime.types import Row

_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Page:
    """Events as (source, id, event, moment), how far each source was read, and whether there is more."""

    events: list[tuple[str, int, Event, int]] = field(default_factory=list)
    reached: Positions = field(default_factory=dict)
    more: bool = False


async def read_page(
    tables: Tables,
    sources: Iterable[Source],
    *,
    after: Mapping[str, int],
    upto: Mapping[str, int],
    owner_id: int | None,
    names: frozenset[str] | None,
) -> Page:
    """The next events after `after` up to `upto` that the filters let through, at most a page of a source."""
    rows: dict[str, list[Row]] = {}
    reading: dict[str, Source] = {}
    page = Page()
    for source in sources:
        key = source.key
        if after[key] >= upto[key]:
            continue
        page.reached[key] = upto[key]
        if names is not None and source.names is not None and names.isdisjoint(source.names):
            continue
        if not concerns(source, owner_id):
            continue
        reading[key] = source
        rows[key] = list(
            await tables.rows(
                source, after=after[key], upto=upto[key], limit=tables.page, owner_id=owner_id, names=names
            )
        )
    _merge(page, reading, rows, names, tables.page)
    return page


def _merge(
    page: Page,
    sources: Mapping[str, Source],
    rows: Mapping[str, list[Row]],
    names: frozenset[str] | None,
    limit: int,
) -> None:
    heads = [(found[0]["at_us"], key, 0) for key, found in rows.items() if found]
    heapq.heapify(heads)
    while heads:
        _, key, index = heapq.heappop(heads)
        found, row = rows[key], rows[key][index]
        event = read_event(sources[key], row)
        if event is not None and (names is None or event.name in names):
            page.events.append((key, row["id"], event, row["at_us"]))
        if index + 1 < len(found):
            heapq.heappush(heads, (found[index + 1]["at_us"], key, index + 1))
        elif len(found) == limit:
            # This table has more that may be older than what the others still hold: the next page decides.
            page.more = True
            page.reached[key] = row["id"]
            for _, other, unread in heads:
                first = rows[other][unread]["id"]
                page.reached[other] = first - 1
            return


def read_event(source: Source, row: Row) -> Event | None:
    """The event of a row; None, counted, when another version wrote it.

    A row that cannot be read is logged and passed over: it must not stop the events behind it.
    """
    try:
        return source.event(row)
    except UnknownEvent:
        metrics.UNKNOWN.inc()
    except Exception:
        metrics.UNKNOWN.inc()
        _log.exception("realtime.row_unreadable", table=source.table, id=row.get("id"))
    return None
