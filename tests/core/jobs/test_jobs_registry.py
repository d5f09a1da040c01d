"""What may be a job."""

from typing import Any

import pytest

from botyard.core.jobs import JobContext, job, registry
from botyard.core.jobs.context import inline
from botyard.kit.db import Database, Stores


async def body(ctx: JobContext, *, number: int) -> int:
    return number + ctx.attempt


async def other(ctx: JobContext) -> None: ...


async def with_key(ctx: JobContext, *, key: str) -> None: ...


def not_async(ctx: JobContext) -> None: ...


def test_job_is_found_by_its_name_and_names_the_queues_in_use() -> None:
    made = job("test.one", queue="mail", retries=7)(body)

    assert registry.find("test.one") is made
    assert registry.find("test.nowhere") is None
    assert "test.one" in registry.names()
    assert "mail" in registry.queues_in_use()
    assert made not in registry.recurring_jobs()


def test_same_function_may_register_again_but_no_other_under_its_name() -> None:
    job("test.two")(body)
    again = job("test.two", retries=9)(body)

    assert registry.find("test.two") is again
    with pytest.raises(ValueError, match="two jobs are called"):
        job("test.two")(other)


@pytest.mark.parametrize(
    ("function", "queue", "problem", "words"),
    [
        (body, "nowhere", ValueError, "no queue nowhere"),
        (not_async, "mail", TypeError, "async"),
        (with_key, "mail", TypeError, "key"),
    ],
)
def test_what_cannot_be_a_job_is_refused_at_import(
    function: Any, queue: str, problem: type[Exception], words: str
) -> None:
    with pytest.raises(problem, match=words):
        job("test.bad", queue=queue)(function)


async def test_calling_a_job_runs_the_plain_function(stores: Stores) -> None:
    made = job("test.three")(body)

    assert await made(inline(Database(stores)), number=2) == 3
