"""An alarm of a real broker: tasks wait and go on by themselves; nothing expired is run later."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from kztasks.domain.status import TaskStatus
from kztasks.errors import SchedulerUnavailable
from kztasks.kazoo.client import KazooClient
from kztasks.store.mongo import MongoStore
from tasks_bindings.bus.amqp import AmqpBus
from tests.integration.scheduler.adding import Adding, sums
from tests.integration.scheduler.kit import Engine, eventually, numbers
from tests.servers.rabbitmq import Rabbitmq

pytestmark = [pytest.mark.store, pytest.mark.rabbitmq, pytest.mark.faults]

ROWS = 4000
ALARM_S = 10.0
RESUMES_S = 10.0


class AmqpEngine(Engine):
    """Its processes talk over a real broker."""

    url = ""

    async def bus(self, name: str) -> AmqpBus:  # type: ignore[override]  # only closed by the kit
        bus = AmqpBus(self.url, name=name)
        await bus.start()
        await bus.wait_ready(10)
        return bus


@pytest.mark.timeout(120)
async def test_a_task_sits_out_an_alarm_and_runs_no_row_twice(
    store: MongoStore, tmp_path: Path, rabbitmq: Rabbitmq, amqp_url: str
) -> None:
    await store.set_run_time_settings({"wait_after_row_ms": 0})
    engine, adding = AmqpEngine(store, tmp_path), Adding(row_s=0.002)
    engine.url = amqp_url
    try:
        await engine.app(adding.app())
        running = await engine.scheduler(silence_s=3.0)
        await asyncio.to_thread(rabbitmq.ctl, "set_vm_memory_high_watermark", "0.4")
        task_id = await engine.submit("add", numbers(ROWS))
        await running.start(task_id)
        await engine.committed(task_id, 100)
        await sit_out(engine, rabbitmq, task_id)
        task = await engine.ended(task_id)
    finally:
        await engine.close()

    assert task.status is TaskStatus.SUCCESS
    assert await engine.output(task_id) == sums(ROWS)
    assert adding.repeated == 0
    blocked = running.scheduler.metrics.registry.get_sample_value(
        "kztasks_broker_blocked_seconds_total"
    )
    assert blocked is not None
    assert blocked > ALARM_S / 2


async def sit_out(engine: AmqpEngine, rabbitmq: Rabbitmq, task_id: str) -> None:
    scheduler, front = engine.schedulers[0].scheduler, await engine.bus("front")
    await asyncio.to_thread(rabbitmq.ctl, "set_vm_memory_high_watermark", "0.0000001")
    try:
        began = time.monotonic()
        await eventually(lambda: scheduler._bus.health.blocked)
        assert (await scheduler.health.checks())["broker"].startswith("blocked")
        await engine.until(task_id, lambda task: "message broker" in (task.waiting_for or ""))
        await requests_are_answered_in_time(front)
        await asyncio.sleep(max(0.0, began + ALARM_S - time.monotonic()))
        head = await engine.store.log.head(task_id)
    finally:
        await asyncio.to_thread(rabbitmq.ctl, "set_vm_memory_high_watermark", "0.4")
    assert head is not None
    assert head.row < ROWS
    async with asyncio.timeout(RESUMES_S):
        await engine.committed(task_id, head.row + 1)


async def requests_are_answered_in_time(bus: AmqpBus) -> None:
    client = KazooClient(bus, "kztasks@front")
    await client.open()
    began = time.monotonic()
    with pytest.raises(SchedulerUnavailable):
        await client.lookup()
    assert time.monotonic() - began < 3
    await client.close()
    await bus.close()
