"""An account has no more tasks than it may, and its tasks are not counted at each request."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from typing import Any

import pytest

from kztasks import quota as quota_module
from kztasks.errors import StoreUnavailable, TooManyTasks
from kztasks.quota import EXECUTING, TaskQuota


class Counting:
    """Counts how often it is asked."""

    def __init__(self, tasks: int, *, takes_s: float = 0.0) -> None:
        self.tasks = tasks
        self.takes_s = takes_s
        self.asked = 0
        self.may_answer = asyncio.Event()
        self.may_answer.set()
        self.fails = False
        self.pass_time: Callable[[float], None] = lambda _: None

    async def count(self, _account_id: str, _statuses: object, *, most: int) -> int:
        self.asked += 1
        self.pass_time(self.takes_s)
        await self.may_answer.wait()
        if self.fails:
            raise StoreUnavailable("the database is away")
        return min(self.tasks, most)


def quota(counting: Counting, most: int) -> TaskQuota:
    tasks: Any = counting
    return TaskQuota(tasks, EXECUTING, most)


async def test_tasks_are_permitted_up_to_the_limit_with_one_count() -> None:
    counting = Counting(2)
    limited = quota(counting, 5)
    for _ in range(3):
        await limited.permit("a")
    with pytest.raises(TooManyTasks):
        await limited.permit("a")
    assert counting.asked == 1


async def test_those_that_ask_at_once_share_a_count_and_get_no_more_than_the_limit() -> None:
    counting = Counting(2)
    counting.may_answer.clear()
    limited = quota(counting, 5)
    asking = [asyncio.create_task(limited.permit("a")) for _ in range(100)]
    await asyncio.sleep(0)
    asking[0].cancel()  # its client has left; the count goes on for the others
    await asyncio.sleep(0)
    counting.may_answer.set()
    outcomes = await asyncio.gather(*asking, return_exceptions=True)
    assert outcomes.count(None) == 3
    assert sum(isinstance(one, TooManyTasks) for one in outcomes) == 96
    assert counting.asked == 1


async def test_a_count_that_failed_is_made_again_for_the_next_that_asks() -> None:
    counting = Counting(2)
    counting.fails = True
    limited = quota(counting, 5)
    for _ in range(2):
        with pytest.raises(StoreUnavailable):
            await limited.permit("a")
    counting.fails = False
    await limited.permit("a")
    assert counting.asked == 3


async def test_accounts_are_counted_apart() -> None:
    counting = Counting(4)
    limited = quota(counting, 5)
    await limited.permit("a")
    await limited.permit("b")
    for account in ("a", "b"):
        with pytest.raises(TooManyTasks):
            await limited.permit(account)


async def test_what_has_ended_shows_with_the_next_count(monkeypatch: pytest.MonkeyPatch) -> None:
    counting = Counting(5)
    limited = quota(counting, 5)
    with pytest.raises(TooManyTasks):
        await limited.permit("a")
    counting.tasks = 4
    monkeypatch.setattr(quota_module, "FRESH_S", 0.0)
    monkeypatch.setattr(quota_module, "SHARE", math.inf)
    await limited.permit("a")


async def test_what_takes_long_to_count_is_counted_less_often(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A store that one account's tasks keep busy has no time for the others'."""
    monkeypatch.setattr(quota_module, "FRESH_S", 0.0)
    now = 100.0
    monkeypatch.setattr("kztasks.quota.time.monotonic", lambda: now)
    counting = Counting(0, takes_s=0.5)

    def pass_time(seconds: float) -> None:
        nonlocal now
        now += seconds

    counting.pass_time = pass_time
    limited = quota(counting, 50)
    for _ in range(3):
        await limited.permit("a")
        pass_time(2.0)
    assert counting.asked == 1
    await limited.permit("a")
    assert counting.asked == 2
