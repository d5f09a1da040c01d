"""A piece of the process that hears events for as long as the process runs, whatever goes wrong meanwhile."""

from collections.abc import Awaitable, Callable, Sequence

import structlog
from sqlalchemy.exc import SQLAlchemyError

from botyard.core.realtime.hub import Hub, SlowConsumer
from botyard.core.realtime.subscription import Delivery
from botyard.kit import clock
from botyard.kit.errors import BotyardError

log = structlog.get_logger(__name__)

_AGAIN_S = 1.0

Begin = Callable[[], Awaitable[None]]
Hear = Callable[[Sequence[Delivery]], Awaitable[None]]


async def listen(
    hub: Hub,
    *,
    owner_id: int | None,
    names: frozenset[str],
    begin: Begin,
    hear: Hear,
    look_s: float | None = None,
) -> None:
    """Give `hear` what comes, in order, until the hub closes.

    `begin` runs first, and again after every gap: events may have been missed until then. With `look_s`, `hear`
    is also called with nothing when so many seconds were silent.
    """
    while True:
        try:
            async with hub.subscribe(owner_id=owner_id, names=names) as news:
                await begin()
                while not news.closed:
                    taken = await news.take(timeout_s=look_s)
                    if taken or look_s is not None:
                        await hear(taken)
            return
        except SlowConsumer:
            log.warning("listener_was_too_slow", names=sorted(names))
        except Exception as error:
            away = isinstance(error, (SQLAlchemyError, OSError, BotyardError))
            say = log.warning if away else log.exception  # what nobody foresaw must not end it either
            say("listener_begins_again", names=sorted(names), error=type(error).__name__)
            await clock.sleep(_AGAIN_S)
