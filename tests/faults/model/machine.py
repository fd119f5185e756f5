"""Whatever may happen to the owners of a task, in any order, as a Hypothesis state machine."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from tests.faults.model.app import Asked, Lie
from tests.faults.model.node import Answer, ModelNode
from tests.faults.model.world import TASK_ID, Damage, World

NODES = 3
slots = st.integers(0, NODES - 1)
few = st.integers(1, 4)
seldom = st.integers(0, 3).map(lambda number: number == 0)


class LogMachine(RuleBasedStateMachine):
    """Owners with any pause between two steps, lost answers, bad replies, deaths, take-overs."""

    def __init__(self) -> None:
        super().__init__()
        self.world: World | None = None

    @initialize(rows=st.integers(3, 9), batch_rows=few, slot=slots)
    def begin(self, rows: int, batch_rows: int, slot: int) -> None:
        self.world = World(rows, batch_rows, NODES)
        self.world.nodes[slot].start(TASK_ID)

    @property
    def _there(self) -> World:
        assert self.world is not None
        return self.world

    def _busy(self, slot: int) -> ModelNode:
        """One of those that wait for the database or the app; anyone if none does."""
        nodes = self._there.nodes
        busy = [node for node in nodes if node.operations or node.bus.waiting] or nodes
        return busy[slot % len(busy)]

    def _asked(self, slot: int) -> tuple[ModelNode, list[Asked]]:
        """One of those that wait for the app, and its batch; none if nobody does."""
        nodes = self._there.nodes
        asking = [node for node in nodes if node.bus.waiting] or nodes
        node = asking[slot % len(asking)]
        return node, node.bus.waiting[:1]

    def _may_go_on(self) -> bool:
        world = self.world
        return world is not None and world.damage_done is None

    @rule(slot=slots, steps=st.integers(1, 12), rows=few, reply_first=st.booleans())
    def go_on(self, slot: int, steps: int, rows: int, reply_first: bool) -> None:  # noqa: FBT001
        """One owner works for a while, the others stand still."""
        node = self._busy(slot)
        for _ in range(steps):
            if not self._there.step(node, rows=rows, reply_first=reply_first):
                break

    @rule(rows=few)
    def all_go_on(self, rows: int) -> None:
        """All owners work side by side."""
        for node in self._there.nodes * 3:
            self._there.step(node, rows=rows, reply_first=False)

    @rule()
    def time_passes(self) -> None:
        self._there.loop.pass_time()

    @rule(slot=slots, how=st.sampled_from([Answer.LOST, Answer.FAILED]))
    def database_fails(self, slot: int, how: Answer) -> None:
        """What is written may be there or not; nobody is told."""
        node = self._busy(slot)
        if node.operations:
            node.answer(how)

    @rule(slot=slots, rows=few)
    def answered_twice(self, slot: int, rows: int) -> None:
        world, (node, waiting) = self._there, self._asked(slot)
        for asked in waiting:
            for _ in range(2):
                node.bus.answer(asked, world.app.run(asked.batch, rows))
            world.loop.settle()

    @rule(slot=slots, which=st.integers(0, 30), old=st.booleans())
    def answered_late(self, slot: int, which: int, old: bool) -> None:  # noqa: FBT001
        """A reply to an earlier batch, or attempt, comes under an old or the present call."""
        world, (node, waiting) = self._there, self._asked(slot)
        calls = world.app.asked if old else waiting
        if world.app.replies and calls:
            body = world.app.replies[-1 - which % len(world.app.replies)]
            node.bus.answer(calls[-1 - which % len(calls)], body)
            world.loop.settle()

    @rule(slot=slots, about=st.sampled_from(Lie))
    def answered_falsely(self, slot: int, about: Lie) -> None:
        world, (node, waiting) = self._there, self._asked(slot)
        for asked in waiting:
            node.bus.answer(asked, world.app.lie(asked.batch, about))
            world.loop.settle()

    @rule(slot=slots, whole=st.booleans())
    def not_answered(self, slot: int, whole: bool) -> None:  # noqa: FBT001
        """Nobody took the batch, or the session is gone."""
        node, waiting = self._asked(slot)
        if whole:
            node.bus.lose_session()
        for asked in waiting:
            node.bus.give_up(asked)
        self._there.loop.settle()

    @precondition(_may_go_on)
    @rule(slot=slots)
    def die(self, slot: int) -> None:
        self._there.replace(slot)

    @precondition(_may_go_on)
    @rule(slot=slots)
    def take_over(self, slot: int) -> None:
        """One takes another for dead, rightly or not."""
        self._there.nodes[slot].take_over(self._there.task)

    @precondition(_may_go_on)
    @rule(slot=slots)
    def look_around(self, slot: int) -> None:
        """One looks for tasks that nobody runs."""
        self._there.nodes[slot].look_around()

    @precondition(_may_go_on)
    @rule(slot=slots)
    def leave(self, slot: int) -> None:
        self._there.nodes[slot].leave()

    @precondition(_may_go_on)
    @rule(slot=slots)
    def start_again(self, slot: int) -> None:
        self._there.nodes[slot].start(TASK_ID)

    @precondition(_may_go_on)
    @rule(slot=slots, hint=st.booleans(), seldom=seldom)
    def stop(self, slot: int, hint: bool, seldom: bool) -> None:  # noqa: FBT001
        if seldom:
            self._there.request_stop()
            if hint:
                self._there.nodes[slot].hint()

    @precondition(_may_go_on)
    @rule(kind=st.sampled_from(Damage), which=st.integers(0, 9))
    def spoil(self, kind: Damage, which: int) -> None:
        """What no failure model has: the log itself is spoilt when it is about to be delivered."""
        self._there.damage(kind, which)

    def teardown(self) -> None:
        """Whatever happened, the task ends, as it should."""
        if self.world is None:
            return
        try:
            self.world.heal()
        finally:
            self.world.close()
