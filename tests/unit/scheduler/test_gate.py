"""Tasks get turns at the apps that serve their actions, and give them back whatever happens."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kztasks.scheduler import gate as gate_module
from kztasks.scheduler.gate import TurnGate
from kztasks.scheduler.waiting import Turn, Waiting

KIND = ("c", "a")


class Apps:
    """A directory of apps that serve what a test says."""

    def __init__(self, **capacities: int) -> None:
        self.version = 0
        self.capacities = capacities
        self.serving = {KIND: list(capacities)}

    def capacity(self, app: str) -> int:
        return self.capacities.get(app, 0)

    def apps_for(self, category: str, action: str) -> list[str]:
        return [app for app in self.serving.get((category, action), []) if self.capacity(app)]

    def change(self, **capacities: int) -> None:
        self.capacities = capacities
        self.version += 1


class Site:
    """A gate that a test opens and closes."""

    def __init__(self, **capacities: int) -> None:
        self.apps = Apps(**capacities)
        self.closed: str | None = None
        directory: Any = self.apps
        self.gate = TurnGate(directory, lambda: self.closed)

    def taken(self, account: str = "a") -> Turn:
        turn = self.gate.take(KIND, account)
        assert turn is not None
        return turn


async def got(waiting: Waiting) -> Turn:
    """The turn that one who waits has by now."""
    turn = await waiting.turn_within(0)
    assert turn is not None
    return turn


async def waits(waiting: Waiting) -> bool:
    return await waiting.turn_within(0) is None


async def test_there_are_two_turns_for_each_request_that_an_app_runs_at_the_same_time() -> None:
    site = Site(app=3)
    turns = [site.taken() for _ in range(6)]
    assert site.gate.take(KIND, "a") is None
    assert not site.gate.is_contended("app")
    turns[0].give_back()
    turns[0].give_back()
    assert site.taken().app == "app"
    assert site.gate.take(KIND, "a") is None


async def test_one_who_comes_later_takes_no_turn_before_one_who_waits() -> None:
    site = Site(app=1)
    turns = [site.taken(), site.taken()]
    waiting = site.gate.wait(KIND, "b")
    assert site.gate.is_contended("app")
    turns[0].give_back()
    assert site.gate.take(KIND, "a") is None
    assert (await got(waiting)).is_held


async def test_tasks_wait_for_an_app_and_change_to_another_one_when_theirs_is_gone() -> None:
    site = Site()
    site.apps.serving[KIND] = ["first", "second"]
    waiting = site.gate.wait(KIND, "a")
    assert waiting.why == "an app that serves tasks.c.a"
    assert site.gate.unserved == 1
    site.apps.change(first=1)
    site.gate.refresh()
    assert (await got(waiting)).app == "first"

    site.taken()
    later = [site.gate.wait(KIND, "a") for _ in range(2)]
    site.apps.change(second=1)
    site.gate.refresh()
    assert [(await got(one)).app for one in later] == ["second", "second"]


async def test_of_two_apps_the_less_busy_one_gets_the_next_batch() -> None:
    site = Site(first=1, second=2)
    assert sorted(site.taken().app for _ in range(6)) == ["first"] * 2 + ["second"] * 4


async def test_nobody_gets_a_turn_while_nothing_may_be_sent() -> None:
    site = Site(app=1)
    site.closed = "the message broker"
    assert site.gate.take(KIND, "a") is None
    waiting = site.gate.wait(KIND, "a")
    assert await waits(waiting)
    assert waiting.why == "the message broker"
    site.closed = None
    site.gate.refresh()
    assert (await got(waiting)).is_held


async def test_one_who_waits_for_long_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    site = Site(app=1)
    turns = [site.taken(), site.taken()]
    waiting = site.gate.wait(KIND, "a")
    assert waiting.why is None
    monkeypatch.setattr(gate_module, "SHOWN_AFTER_S", 0.0)
    assert waiting.why == "its turn at the app app"
    assert len(turns) == 2


async def test_a_turn_that_is_kept_goes_back_by_itself_unless_it_is_used() -> None:
    site = Site(app=1)
    first, second = site.taken(), site.taken()
    first.keep(0.0)
    second.keep(0.0)
    assert second.use()
    await asyncio.sleep(0.01)
    assert not first.use()
    assert second.is_held
    assert site.gate.counts()["app"].out == 1


async def test_it_counts_what_is_out_and_who_waits() -> None:
    site = Site(app=1)
    turns = [site.taken(), site.taken()]
    for _ in range(3):
        site.gate.wait(KIND, "b")
    turns[0].give_back()
    counts = site.gate.counts()["app"]
    assert (counts.limit, counts.out, counts.waiting, counts.granted) == (2, 2, 2, 3)


async def test_who_is_cancelled_between_the_grant_and_going_on_gives_the_turn_back() -> None:
    site = Site(app=1)
    turns = [site.taken(), site.taken()]
    waiting = site.gate.wait(KIND, "a")
    task = asyncio.create_task(waiting.turn())
    await asyncio.sleep(0)
    turns[0].give_back()
    task.cancel()
    await asyncio.wait({task})
    assert task.cancelled()
    assert site.gate.counts()["app"].out == 1


@pytest.mark.parametrize("served", [True, False])
async def test_who_is_cancelled_while_it_waits_leaves_the_line(served: bool) -> None:  # noqa: FBT001
    site = Site(app=1)
    turns = [site.taken(), site.taken()]
    kind = KIND if served else ("other", "action")
    tasks = [asyncio.create_task(site.gate.wait(kind, "a").turn()) for _ in range(2)]
    await asyncio.sleep(0)
    tasks[0].cancel()
    await asyncio.wait({tasks[0]})
    assert (site.gate.counts()["app"].waiting, site.gate.unserved) == (served, not served)
    tasks[1].cancel()
    assert len(turns) == 2


async def test_a_call_that_is_cancelled_at_any_moment_leaves_nothing_behind() -> None:
    site = Site(app=1)
    turns = [site.taken(), site.taken()]
    calls = [asyncio.create_task(site.gate.wait(KIND, "a").turn_within(9)) for _ in range(2)]
    await asyncio.sleep(0)
    calls[1].cancel()
    turns[0].give_back()  # to the first one, which is cancelled before it can go on
    calls[0].cancel()
    await asyncio.wait(calls)
    counts = site.gate.counts()["app"]
    assert (counts.out, counts.waiting) == (1, 0)


operations = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(["come", "come_now"]), st.sampled_from("abc")),
        st.tuples(st.sampled_from(["cancel", "abandon", "give_back"]), st.integers(0, 9)),
        st.tuples(st.just("capacity"), st.integers(0, 3)),
        st.tuples(st.just("closed"), st.booleans()),
        st.tuples(st.just("tick"), st.none()),
    ),
    max_size=60,
)


class Crowd:
    """Tasks that come to a gate, wait and are cancelled as a script says."""

    def __init__(self) -> None:
        self.site = Site(app=1)
        self.held: list[Turn] = []
        self.tasks: list[asyncio.Task[None]] = []
        self.waiting: list[Waiting] = []

    async def wait(self, account: str) -> None:
        waiting = self.site.gate.wait(KIND, account, urgent=account == "c")
        self.waiting.append(waiting)
        turn = await waiting.turn()
        if turn is not None:
            self.held.append(turn)

    async def come(self, account: str) -> None:
        self.tasks.append(asyncio.create_task(self.wait(account)))

    async def come_now(self, account: str) -> None:
        turn = self.site.gate.take(KIND, account)
        if turn is not None:
            self.held.append(turn)

    async def cancel(self, index: int) -> None:
        if self.tasks:
            self.tasks[index % len(self.tasks)].cancel()

    async def abandon(self, index: int) -> None:
        if self.waiting:
            self.waiting[index % len(self.waiting)].abandon()

    async def give_back(self, index: int) -> None:
        if self.held:
            self.held.pop(index % len(self.held)).give_back()

    async def capacity(self, number: int) -> None:
        self.site.apps.change(app=number)
        self.site.gate.refresh()

    async def closed(self, closed: bool) -> None:  # noqa: FBT001  (Hypothesis gives it)
        self.site.closed = "shut" if closed else None
        self.site.gate.refresh()

    async def tick(self, _: None) -> None:
        await asyncio.sleep(0)

    @property
    def out(self) -> int:
        return sum(counts.out for counts in self.site.gate.counts().values())


@settings(max_examples=300)
@given(operations)
async def test_no_turn_is_lost_whoever_is_cancelled_at_any_moment(
    script: list[tuple[str, Any]],
) -> None:
    """Also between a grant and the moment at which whoever got it goes on."""
    crowd, most = Crowd(), 0
    for operation, value in script:
        await getattr(crowd, operation)(value)
        before, most = most, crowd.out
        assert most <= max(before, 2 * crowd.site.apps.capacity("app"))

    await crowd.closed(False)
    await crowd.capacity(1)
    for _ in range(3 * len(crowd.tasks) + 3):
        await asyncio.sleep(0)
        while crowd.held:
            await crowd.give_back(0)
    assert all(task.done() for task in crowd.tasks)
    counts = crowd.site.gate.counts().get("app")
    assert counts is None or (counts.out, counts.waiting) == (0, 0)
    assert crowd.site.gate.unserved == 0
