"""A scheduler is dead when its counter stands still for its time to live, as the observer sees."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kztasks.errors import StoreUnavailable
from kztasks.scheduler import nodes
from kztasks.scheduler.nodes import NodeLife, NodeWatch
from kztasks.store.interface import Node

TTL_S = 15.0


def node(beat: int, name: str = "n") -> Node:
    return Node(name, f"kztasks@{name}", beat)


def observe(watch: NodeWatch, seen: Iterable[tuple[float, Node]]) -> list[float]:
    """When the node was called dead."""
    return [at for at, one in seen if watch.dead([one], at)]


def test_a_node_is_dead_once_its_counter_stood_still_for_longer_than_its_time_to_live() -> None:
    deaths = observe(NodeWatch(TTL_S), ((float(at), node(7)) for at in range(100, 120)))
    assert deaths == [116.0, 117.0, 118.0, 119.0]


@given(
    start=st.floats(0, 1e6),
    gaps=st.lists(st.floats(0, TTL_S), min_size=1, max_size=50),
)
def test_a_node_that_beats_between_two_looks_is_never_dead(start: float, gaps: list[float]) -> None:
    watch, now = NodeWatch(TTL_S), start
    for beat, gap in enumerate(gaps):
        now += gap
        assert watch.dead([node(beat)], now) == []


def test_a_beat_at_the_last_moment_gives_the_whole_time_to_live_again() -> None:
    watch = NodeWatch(TTL_S)
    looks = [(float(at), node(1 if at < 15 else 2)) for at in range(31)]
    assert observe(watch, looks) == []
    assert watch.dead([node(2)], 31.0) == ["n"]


def test_a_new_node_is_given_its_whole_time_to_live() -> None:
    watch = NodeWatch(TTL_S)
    for at in range(60):
        watch.dead([node(at, "old")], float(at))
    assert watch.dead([node(60, "old"), node(0, "new")], 60.0) == []


def test_each_node_is_judged_by_its_own_counter() -> None:
    watch = NodeWatch(TTL_S)
    deaths = [watch.dead([node(3, "dead"), node(at, "alive")], float(at)) for at in range(17)]
    assert deaths[-1] == ["dead"]
    assert not any(deaths[:-1])


def test_a_counter_that_starts_again_is_a_sign_of_life() -> None:
    watch = NodeWatch(TTL_S)
    looks = [(float(at), node(9 if at < 10 else 0)) for at in range(25)]
    assert observe(watch, looks) == []


def test_a_time_in_which_nobody_could_look_does_not_count_as_silence() -> None:
    """While the database is away, or the whole machine stands still, nobody can beat either."""
    watch = NodeWatch(TTL_S)
    watch.dead([node(3)], 100.0)

    assert watch.dead([node(3)], 400.0) == []
    assert watch.dead([node(4)], 403.0) == []


def test_a_node_that_stays_silent_after_such_a_time_is_dead_all_the_same() -> None:
    watch = NodeWatch(TTL_S)
    watch.dead([node(3)], 100.0)

    deaths = observe(watch, ((float(at), node(3)) for at in range(400, 420)))
    assert deaths
    assert deaths[0] <= 400 + TTL_S


class Heartbeats:
    """`NodeStore` that answers as it is told."""

    def __init__(self) -> None:
        self.alive = True
        self.is_away = False

    async def register(self, node_id: str, name: str) -> None:
        """Nothing is kept."""

    async def beat(self, node_id: str) -> bool:
        if self.is_away:
            raise StoreUnavailable("away")
        return self.alive

    async def all(self) -> list[Node]:
        return []

    async def remove(self, node_id: str) -> bool:
        return True


class Clock:
    """Stands in for `time` in the module under test; the wall clock jumps as it likes."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now

    def time(self) -> float:
        return -1e9 * self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(nodes, "time", clock)
    return clock


async def test_a_scheduler_holds_still_while_its_beats_do_not_arrive(clock: Clock) -> None:
    store = Heartbeats()
    life = NodeLife(store, "kztasks@here", fence_s=10.0)
    assert life.is_fenced

    await life.begin()
    store.is_away = True
    for _ in range(10):
        clock.now += 1
        assert await life.beat()
        assert not life.is_fenced
    clock.now += 0.5
    assert life.is_fenced

    store.is_away = False
    assert await life.beat()
    assert not life.is_fenced


async def test_a_scheduler_that_was_declared_dead_is_told_so_and_registers_anew(
    clock: Clock,
) -> None:
    store = Heartbeats()
    life = NodeLife(store, "kztasks@here", fence_s=10.0)
    await life.begin()
    first = life.node_id
    store.alive = False

    assert not await life.beat()
    await life.begin()
    assert life.node_id != first


async def test_a_beat_counts_from_when_it_was_sent(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Heartbeats()
    life = NodeLife(store, "kztasks@here", fence_s=10.0)
    await life.begin()

    async def slow(node_id: str) -> bool:
        clock.now += 10.5
        return True

    monkeypatch.setattr(store, "beat", slow)
    await life.beat()
    assert life.is_fenced
