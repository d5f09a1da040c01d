"""What every connector must do, run for each platform on a server that is made from its description.

A platform joins by a `Subject`: its connector, credentials that are good, and a way to make its server fail.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from botyard.core import jobs
from botyard.core.jobs import Verdict
from botyard.features.studio.platform import (
    AuthDead,
    Cap,
    CredentialsIncomplete,
    NotSent,
    Platform,
    Post,
    RateLimited,
    Refused,
    Unknown,
)
from botyard.kit import clock
from botyard.kit.errors import Invalid


@dataclass
class Subject:
    """One connector on its server."""

    platform: Platform
    unreachable: Platform
    good: dict[str, Any]
    wrong: dict[str, Any]
    secrets: list[str]
    fail: Callable[..., None]
    posts: Callable[[], list[str]]
    calls: Callable[[], list[str]]


class Conformance:
    """The tests; a subclass gives the fixture `subject`."""

    async def test_it_declares_what_it_is(self, subject: Subject) -> None:
        platform = subject.platform

        assert platform.platform.isidentifier()
        assert platform.auth
        assert Cap.post in platform.caps
        assert {"verify", "post", "delete", "metrics", "lookup", "exists"} <= set(platform.prices)
        for price in platform.prices.values():
            assert price.usd >= 0
            assert price.source.startswith("https://")
            assert price.reviewed <= clock.now().date() + timedelta(days=366)

    async def test_it_tells_who_the_credentials_are(self, subject: Subject) -> None:
        account = await subject.platform.verify(subject.good)

        assert account.id
        assert account.handle
        assert account.url.startswith("https://")

    async def test_wrong_credentials_are_dead_and_nothing_happens(self, subject: Subject) -> None:
        for act in (
            subject.platform.verify(subject.wrong),
            subject.platform.post(subject.wrong, Post("no"), "k1"),
        ):
            with pytest.raises(AuthDead):
                await act
        assert subject.posts() == []

    async def test_credentials_without_keys_say_what_is_missing_and_ask_nobody(
        self, subject: Subject
    ) -> None:
        with pytest.raises(CredentialsIncomplete, match="need"):
            await subject.platform.verify({"colour": "blue"})

        assert subject.calls() == []

    async def test_a_post_appears_once_and_can_be_taken_back(self, subject: Subject) -> None:
        receipt = await subject.platform.post(subject.good, Post("Good morning"), "k1")

        assert subject.posts() == ["Good morning"]
        assert receipt.external_id
        assert receipt.detail["text"] == "Good morning"
        assert str(receipt.detail["url"]).startswith("https://")
        assert await subject.platform.exists(subject.good, receipt.external_id)
        for _ in range(2):  # the second time it is gone already
            await subject.platform.delete(subject.good, receipt.external_id)
        assert subject.posts() == []
        assert not await subject.platform.exists(subject.good, receipt.external_id)

    async def test_metrics_leave_out_what_is_gone(self, subject: Subject) -> None:
        first = await subject.platform.post(subject.good, Post("one"), "k1")
        second = await subject.platform.post(subject.good, Post("two"), "k2")
        await subject.platform.delete(subject.good, first.external_id)

        found = await subject.platform.metrics(subject.good, [first.external_id, second.external_id])

        assert [each.post_id for each in found] == [second.external_id]
        assert found[0].likes is not None
        assert await subject.platform.metrics(subject.good, [first.external_id]) == []

    @pytest.mark.parametrize(
        "fault", ["broken", "cut", "hang", "made_then_cut", "made_then_broken", "garbled"]
    )
    async def test_what_may_have_happened_is_unknown(self, subject: Subject, fault: str) -> None:
        subject.fail(fault)

        with pytest.raises(Unknown) as raised:
            await subject.platform.post(subject.good, Post("Good morning"), "k1")

        assert not isinstance(raised.value, jobs.NotSent | jobs.Refused)
        assert len(subject.calls()) == 1

    @pytest.mark.parametrize("text", ["Good morning", "Fish & chips <now> https://example.com/a?b=1"])
    async def test_a_post_that_did_happen_is_found(self, subject: Subject, text: str) -> None:
        since = clock.now()
        subject.fail("made_then_cut")
        with pytest.raises(Unknown):
            await subject.platform.post(subject.good, Post(text), "k1")

        found = await subject.platform.lookup(subject.good, Post(text), since)

        assert not isinstance(found, Verdict)
        assert found.external_id
        assert found.detail["text"] == text

    async def test_a_post_that_is_not_found_is_not_called_absent(self, subject: Subject) -> None:
        found = await subject.platform.lookup(subject.good, Post("never sent"), clock.now())

        assert found is Verdict.unsure

    async def test_a_platform_that_is_away_was_sent_nothing(self, subject: Subject) -> None:
        for act in (
            subject.unreachable.post(subject.good, Post("no"), "k1"),
            subject.unreachable.verify(subject.good),
            subject.unreachable.delete(subject.good, "1"),
        ):
            with pytest.raises(NotSent):
                await act

    async def test_a_limit_says_until_when(self, subject: Subject) -> None:
        subject.fail("limited")

        with pytest.raises(RateLimited) as raised:
            await subject.platform.post(subject.good, Post("no"), "k1")

        assert raised.value.until > clock.now()
        assert (raised.value.retry_after_s or 0) > 0
        assert subject.posts() == []

    async def test_the_same_text_again_is_refused_in_the_platform_s_own_words(self, subject: Subject) -> None:
        await subject.platform.post(subject.good, Post("Good morning"), "k1")

        with pytest.raises(Refused, match="duplicate") as raised:
            await subject.platform.post(subject.good, Post("Good morning"), "k2")

        assert not isinstance(raised.value, AuthDead)
        assert subject.posts() == ["Good morning"]

    async def test_a_suspended_account_is_dead(self, subject: Subject) -> None:
        subject.fail("suspended")

        with pytest.raises(AuthDead, match="suspended"):
            await subject.platform.post(subject.good, Post("no"), "k1")

    async def test_size_is_checked_before_anything_is_sent(self, subject: Subject) -> None:
        limits = subject.platform.limits
        subject.platform.check(Post("a" * limits.text))

        for text in ("", "  \n", "a" * (limits.text + 1)):
            with pytest.raises(Invalid):
                subject.platform.check(Post(text))

    async def test_errors_hold_no_secrets(self, subject: Subject) -> None:
        said = []
        for fault in ("limited", "broken", "cut", "suspended", ""):
            subject.fail(fault)
            keys = subject.good if fault else subject.wrong
            with pytest.raises((Refused, NotSent, Unknown)) as raised:
                await subject.platform.post(keys, Post("no"), "k1")
            said.append(f"{raised.value} {raised.value!r} {raised.value.__cause__!r} {raised.value.details}")

        assert not [secret for secret in subject.secrets if secret in " ".join(said)]
