"""An account has no more tasks than it may, and its tasks are not counted at each request."""

from __future__ import annotations

from typing import Any

import pytest

from kztasks import quota as quota_module
from kztasks.errors import TooManyTasks
from kztasks.quota import EXECUTING, TaskQuota


class Counting:
    """Counts how often it is asked."""

    def __init__(self, tasks: int) -> None:
        self.tasks = tasks
        self.asked = 0

    async def count(self, _account_id: str, _statuses: object, *, most: int) -> int:
        self.asked += 1
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
    await limited.permit("a")
