"""Many that ask the same at once cost two lookups, and nobody gets an older answer."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import pytest

from kztasks.api.lookups import Lookups
from kztasks.errors import SchedulerUnavailable
from tasks_bindings.wire.messages import Help


@dataclass
class Scheduler:
    """Answers when it is told to."""

    asked: list[tuple[str | None, str | None]] = field(default_factory=list)
    answers: list[asyncio.Future[Help]] = field(default_factory=list)

    async def lookup(self, category: str | None, action: str | None) -> Help:
        self.asked.append((category, action))
        answer: asyncio.Future[Help] = asyncio.get_running_loop().create_future()
        self.answers.append(answer)
        return await answer


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def asked(lookups: Lookups, times: int, action: str = "b") -> list[asyncio.Task[Help]]:
    found = [asyncio.create_task(lookups.ask("a", action)) for _ in range(times)]
    await settle()
    return found


async def test_of_many_the_first_is_asked_for_at_once_and_the_others_together() -> None:
    scheduler = Scheduler()
    lookups = Lookups(scheduler.lookup, timeout_s=60)
    first, *others = await asked(lookups, 100)
    assert len(scheduler.asked) == 1
    scheduler.answers[0].set_result({"a": {}})
    await settle()
    assert first.done()
    assert not any(one.done() for one in others)
    assert len(scheduler.asked) == 2

    scheduler.answers[1].set_result({})
    assert await first == {"a": {}}
    assert await asyncio.gather(*others) == [{}] * 99
    assert len(scheduler.asked) == 2


async def test_whoever_comes_while_the_second_is_under_way_waits_for_a_third() -> None:
    scheduler = Scheduler()
    lookups = Lookups(scheduler.lookup, timeout_s=60)
    await asked(lookups, 2)
    scheduler.answers[0].set_result({})
    await settle()
    (late,) = await asked(lookups, 1)
    scheduler.answers[1].set_result({})
    await settle()
    assert not late.done()
    scheduler.answers[2].set_result({"a": {}})
    assert await late == {"a": {}}


async def test_whoever_asks_for_something_else_waits_for_nobody() -> None:
    scheduler = Scheduler()
    lookups = Lookups(scheduler.lookup, timeout_s=60)
    await asked(lookups, 1)
    await asked(lookups, 1, action="c")
    assert scheduler.asked == [("a", "b"), ("a", "c")]


async def test_an_error_is_told_to_those_that_it_concerns_and_to_nobody_else() -> None:
    scheduler = Scheduler()
    lookups = Lookups(scheduler.lookup, timeout_s=60)
    first, second = await asked(lookups, 2)
    scheduler.answers[0].set_exception(SchedulerUnavailable("nobody is there"))
    await settle()
    with pytest.raises(SchedulerUnavailable):
        await first
    scheduler.answers[1].set_result({})
    assert await second == {}


async def test_one_that_leaves_takes_nobody_with_it() -> None:
    scheduler = Scheduler()
    lookups = Lookups(scheduler.lookup, timeout_s=60)
    first, second, third = await asked(lookups, 3)
    first.cancel()
    second.cancel()
    scheduler.answers[0].set_result({})
    await settle()
    scheduler.answers[1].set_result({"a": {}})
    assert await third == {"a": {}}


async def test_nobody_waits_for_ever_and_nothing_is_kept() -> None:
    scheduler = Scheduler()
    lookups = Lookups(scheduler.lookup, timeout_s=0.01)
    for one in await asked(lookups, 3):
        with pytest.raises(SchedulerUnavailable):
            await one
    scheduler.answers[0].set_exception(SchedulerUnavailable("nobody is there"))
    await settle()
    scheduler.answers[1].set_result({})
    await settle()
    assert not lookups._running
    assert not lookups._next
