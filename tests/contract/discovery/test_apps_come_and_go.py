"""Which apps there are is known soon, and two that contradict each other are both told."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from structlog.testing import capture_logs

from tasks_bindings.bus import Message
from tasks_bindings.errors import ReplyTimeout
from tasks_bindings.wire import codec
from tasks_bindings.wire.messages import HelpReply, HelpRequest, MessageType
from tasks_bindings.wire.topology import BINDINGS
from tests.contract.bus.conftest import Transport
from tests.contract.discovery.kit import PATIENCE_S, Site, an_app, within


@pytest.fixture
async def site(transport: Transport) -> AsyncIterator[Site]:
    site = Site(transport)
    yield site
    await site.close()


async def test_an_app_that_starts_is_seen_within_a_second_and_is_gone_as_soon_as_it_stops(
    site: Site,
) -> None:
    scheduler = await site.scheduler()
    runner = await site.run(an_app("first"))
    await within(1.0, lambda: scheduler.serving() == {"first"})
    await runner.close()
    await within(1.0, lambda: scheduler.serving() == {None})


async def test_apps_with_the_same_metadata_share_the_rows_and_are_both_ready(site: Site) -> None:
    scheduler = await site.scheduler()
    runners = [await site.run(an_app(name)) for name in ("first", "second")]
    await within(PATIENCE_S, lambda: scheduler.serving() == {"first", "second"})
    assert [runner.not_ready for runner in runners] == [[], []]


async def test_the_younger_of_two_that_differ_is_refused_told_and_not_ready_until_the_other_leaves(
    site: Site,
) -> None:
    scheduler = await site.scheduler()
    with capture_logs() as logs:
        first = await site.run(an_app("first"))
        await within(PATIENCE_S, lambda: scheduler.serving() == {"first"})
        second = await site.run(an_app("second", "Something else"))
        await within(PATIENCE_S, lambda: bool(second.not_ready))
        assert second.not_ready == [
            "tasks.cat.act is refused: the app first serves it with different metadata"
        ]
        assert first.not_ready == []
        assert scheduler.serving() == {"first"}

        await first.close()
        await within(PATIENCE_S, lambda: not second.not_ready)
        assert scheduler.serving() == {"second"}

    told = [(one["event"], one["app"]) for one in logs if one["log_level"] == "error"]
    assert sorted(told) == [("action_refused", "second"), ("claim_refused", "second")]
    assert [one["app"] for one in logs if one["event"] == "claim_accepted"] == ["second"]


async def test_a_scheduler_that_comes_later_refuses_the_same_app(site: Site) -> None:
    early = await site.scheduler()
    await site.run(an_app("first"))
    await within(PATIENCE_S, lambda: early.serving() == {"first"})
    await site.run(an_app("second", "Something else"))
    late = await site.scheduler()
    await within(PATIENCE_S, lambda: len(late.directory.instances) == 2)
    assert late.serving() == early.serving() == {"first"}


@pytest.mark.parametrize("key", ["tasks.help", "tasks.cat.help", "tasks.cat.help.act"])
async def test_each_help_key_of_the_seed_is_answered(site: Site, key: str) -> None:
    scheduler = await site.scheduler()
    await site.run(an_app("first"))
    question = Message(body=codec.encode(HelpRequest()), type=MessageType.HELP)
    async with scheduler.bus.call(BINDINGS.name, key, question) as call:
        answer = await call.receive(PATIENCE_S)
    assert [*codec.decode(answer.message.body, HelpReply).help["cat"]] == ["act"]


@pytest.mark.parametrize("key", ["tasks.dog.help", "tasks.cat.help.bark"])
async def test_help_for_what_nobody_serves_is_not_answered(site: Site, key: str) -> None:
    scheduler = await site.scheduler()
    await site.run(an_app("first"))
    question = Message(body=codec.encode(HelpRequest()), type=MessageType.HELP)
    async with scheduler.bus.call(BINDINGS.name, key, question) as call:
        with pytest.raises(ReplyTimeout):
            await call.receive(0.3)
