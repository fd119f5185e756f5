"""Batches run beside each other, or one alone."""

from __future__ import annotations

import asyncio

from tasks_bindings.sdk.turns import Turns


class Runner:
    """Takes turns and keeps who ran beside whom."""

    def __init__(self) -> None:
        self.turns = Turns()
        self.running: set[str] = set()
        self.order: list[str] = []
        self.gates: dict[str, asyncio.Event] = {}
        self.tasks: list[asyncio.Task[None]] = []

    async def start(self, name: str, *, alone: bool = False) -> None:
        self.gates[name] = asyncio.Event()
        self.tasks.append(asyncio.create_task(self._run(name, alone=alone)))
        for _ in range(5):
            await asyncio.sleep(0)

    async def end(self, name: str) -> None:
        self.gates[name].set()
        for _ in range(5):
            await asyncio.sleep(0)

    async def _run(self, name: str, *, alone: bool) -> None:
        async with self.turns.take(alone=alone):
            assert not (alone and self.running), "nothing runs beside one that is alone"
            self.running.add(name)
            self.order.append(name)
            await self.gates[name].wait()
            self.running.discard(name)


async def test_batches_run_beside_each_other() -> None:
    runner = Runner()
    await runner.start("a")
    await runner.start("b")

    assert runner.running == {"a", "b"}


async def test_one_that_is_alone_waits_for_the_others_and_goes_before_later_ones() -> None:
    runner = Runner()
    await runner.start("a")
    await runner.start("alone", alone=True)
    await runner.start("b")
    assert runner.running == {"a"}
    await runner.end("a")
    assert runner.running == {"alone"}
    await runner.end("alone")

    assert runner.order == ["a", "alone", "b"]


async def test_one_that_gives_up_waiting_to_be_alone_holds_nobody_up() -> None:
    runner = Runner()
    await runner.start("a")
    await runner.start("alone", alone=True)
    runner.tasks[1].cancel()
    await runner.start("b")

    assert runner.running == {"a", "b"}


async def test_a_turn_ends_with_an_error_too() -> None:
    turns = Turns()
    for alone in (True, False):
        try:
            async with turns.take(alone=alone):
                raise LookupError  # noqa: TRY301  (what a batch may do)
        except LookupError:
            continue

    async with asyncio.timeout(1), turns.take(alone=True):
        pass
