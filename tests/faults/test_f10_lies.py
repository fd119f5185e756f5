"""F10: an app that answers nothing, twice, late or wrongly, before it answers well."""

from __future__ import annotations

import asyncio
import json
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from tasks_bindings.bus.amqp import AmqpBus
from tasks_bindings.wire.messages import MessageType
from tests.faults.harness.cluster import FaultCluster, Layout
from tests.faults.harness.lab import Lab
from tests.faults.harness.matrix import SCALES, matrix_row
from tests.faults.harness.summary import MatrixRow
from tests.faults.harness.tasks import GOING
from tests.integration.scheduler.adding import sums
from tests.integration.scheduler.fake_app import FakeApp, Request
from tests.integration.scheduler.kit import numbers

ROW: Final = MatrixRow(
    "F10",
    "an app that gives bad answers over a real broker: none, twice, late, of another batch, of "
    "wrong types, too large, nested too deep, no JSON",
    "no wrong row in any output, every task ends as a success, and no scheduler meets an error "
    "that it did not expect",
)
SILENCE_S: Final = 1.0
BATCH_ROWS: Final = 10
LAYOUT: Final = Layout(
    schedulers=2,
    apps=0,
    target="none",
    settings={"silence_s": str(SILENCE_S), "batch_rows": str(BATCH_ROWS)},
)
TOO_LARGE: Final = b'{"v":1,"returns":"' + b"x" * (5 * 1024 * 1024) + b'"}'
DEEP: Final = b"[" * 50_000
WITHIN_S: Final = 200.0
UNEXPECTED: Final = ("Traceback", "task_run_failed", "round_failed", "handler_failed")

Lie = Callable[[Request], Awaitable[None]]


def _body(make: Callable[[Request], dict[str, Any] | bytes], kind: str | None = None) -> Lie:
    async def lie(request: Request) -> None:
        await request.reply(make(request), kind or MessageType.BATCH_REPLY)

    return lie


def _lied(**changes: Any) -> Lie:
    return _body(lambda request: request.lie(**changes))


def _other(name: str, step: int) -> Lie:
    return _body(lambda request: request.lie(**{name: getattr(request.batch, name) + step}))


async def _twice(request: Request) -> None:
    await request.reply(request.answer())
    await request.reply(request.lie())


async def _nothing(_request: Request) -> None:
    """The next attempt is answered."""


async def _late(request: Request) -> None:
    """It may be in time all the same, on a busy machine, so it is none that would do harm."""
    await asyncio.sleep(SILENCE_S + 1.5)
    await request.reply(request.answer())


LAST: Final[Mapping[str, Lie]] = {"twice": _twice, "never": _nothing, "late": _late}
"""After these no honest answer is given to this attempt."""
LIES: Final[Mapping[str, Lie]] = {
    "another task": _lied(task_id="0" * 30),
    "another owner": _other("epoch", 1),
    "batch before": _other("seq", -1),
    "batch after": _other("seq", 1),
    "other rows": _lied(hash="0" * 64),
    "one too many": _body(
        lambda request: request.lie(
            returns=[{"row": {"sum": "wrong"}}] * (len(request.batch.rows or []) + 1)
        )
    ),
    "no returns": _lied(returns="all"),
    "returns of numbers": _lied(returns=[1, 2, 3]),
    "data of a wrong type": _lied(data={"sum": 1}),
    "time of a wrong type": _lied(elapsed_ms="long"),
    "less than no time": _lied(elapsed_ms=-5),
    "time without end": _body(
        lambda request: json.dumps(request.lie(elapsed_ms=float("inf"))).encode()
    ),
    "another version": _lied(v=2),
    "no app": _lied(app=None),
    "too large": _body(lambda _: TOO_LARGE),
    "too deep": _body(lambda _: DEEP),
    "deep in a return": _body(
        lambda request: json.dumps(request.lie()).encode().replace(b'"wrong"', b"[" * 5_000)
    ),
    "no JSON": _body(lambda _: b"\xff\x00 no JSON {"),
    "empty": _body(lambda _: b""),
    "a list": _body(lambda _: b"[]"),
    "a number beyond all": _body(lambda _: b'{"v":1e999999}'),
    "another type": _body(lambda request: request.lie(), "surprise"),
    "a call's reply": _body(lambda request: request.lie(), MessageType.CALL_REPLY),
    "progress without sense": _body(lambda _: b'{"done":-1}', MessageType.PROGRESS),
    "death without sense": _body(lambda _: b'{"reason":7}', MessageType.DEAD),
    "refusal without sense": _body(lambda _: b"{}", MessageType.REFUSED),
    **LAST,
}


@dataclass(frozen=True, slots=True)
class Lies:
    answers: int = field(metadata={SCALES: True})
    tasks: int


@dataclass(slots=True)
class Liar:
    """Lies once about each batch, each kind as often as any other, and is honest then."""

    chance: random.Random
    told: Counter[str] = field(default_factory=Counter)
    seen: set[tuple[str, int]] = field(default_factory=set)

    async def __call__(self, request: Request) -> None:
        batch = request.batch
        if (batch.task_id, batch.seq) in self.seen:
            await request.reply(request.answer())
            return
        self.seen.add((batch.task_id, batch.seq))
        least = min(self.told[name] for name in LIES)
        name = self.chance.choice([name for name in LIES if self.told[name] == least])
        self.told[name] += 1
        await LIES[name](request)
        if name not in LAST:
            await request.reply(request.answer())


@matrix_row(
    ROW,
    full=Lies(answers=500, tasks=20),
    full_s=400,
    quick=Lies(answers=30, tasks=6),
    quick_s=120,
)
async def test_no_lie_of_an_app_gets_into_an_output(lab: Lab, size: Lies) -> None:
    rows = BATCH_ROWS * max(1, size.answers // size.tasks)
    liar = Liar(lab.random)
    async with lab.cluster(LAYOUT) as cluster:
        bus = AmqpBus(cluster.amqp_url, name="liar")
        await bus.start()
        await bus.wait_ready(10)
        app = FakeApp(bus, liar)
        await app.start()
        try:
            await cluster.front.wait_for_action("t", "add")
            ids = [await cluster.front.create("t", "add", numbers(rows)) for _ in range(size.tasks)]
            for task_id in ids:
                await cluster.front.begin(task_id)
            documents = await _ended(cluster, ids)
        finally:
            await app.stop()
        wrong = [
            f"{task_id}: {documents[task_id]['status']} {documents[task_id].get('reason')}"
            for task_id in ids
            if documents[task_id]["status"] != "success"
            or await cluster.front.output(task_id) != sums(rows)
        ]
        unexpected = _unexpected(cluster)
        lab.figures |= {
            "answers": liar.told.total(),
            "kinds": len(liar.told),
            "rows": rows * size.tasks,
            "wrong_tasks": len(wrong),
            "unexpected_errors": len(unexpected),
        }
        assert not wrong, "\n".join(wrong)
        assert not unexpected, "\n".join(unexpected[:3])
        assert liar.told.total() >= size.answers


async def _ended(cluster: FaultCluster, ids: list[str]) -> dict[str, dict[str, Any]]:
    async with asyncio.timeout(WITHIN_S):
        while True:
            read = await asyncio.gather(*map(cluster.front.read, ids))
            if not any(one["status"] in GOING for one in read):
                return {one["id"]: one for one in read}
            await asyncio.sleep(0.2)


def _unexpected(cluster: FaultCluster) -> list[str]:
    """What schedulers have logged that no answer of an app may cause."""
    lines = (
        line
        for member in cluster.schedulers
        for process in member.processes
        for line in process.log.read_text().splitlines()
    )
    return [line[:600] for line in lines if any(word in line for word in UNEXPECTED)]
