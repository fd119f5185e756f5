"""The seed's settings take effect in tasks that run, and what their documents say stays true."""

from __future__ import annotations

import asyncio

import pytest

from kztasks.domain.status import TaskStatus
from kztasks.scheduler import pause, rounds
from tests.integration.scheduler.adding import Adding
from tests.integration.scheduler.faulty import FailingUploads, StoreWith
from tests.integration.scheduler.kit import Engine, eventually, numbers

pytestmark = pytest.mark.store


async def test_a_changed_rate_of_saving_counts_takes_effect(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rounds, "INTERVAL_S", 3600.0)
    await engine.store.set_run_time_settings(
        {"send_progress_after_processed": 1_000_000, "wait_after_row_ms": 5}
    )
    adding = Adding()
    await engine.app(adding.app())
    scheduler = await engine.scheduler()
    task_id = await engine.submit("add", numbers(3000))
    await scheduler.start(task_id)
    await engine.committed(task_id, 50)
    assert (await engine.task(task_id)).succeeded is None

    await engine.store.set_run_time_settings(
        {"send_progress_after_processed": 10, "wait_after_row_ms": 0}
    )
    running = await engine.until(task_id, lambda task: task.succeeded)
    assert running.status is TaskStatus.EXECUTING
    await engine.ended(task_id)


async def test_counts_never_say_more_than_what_was_committed(engine: Engine) -> None:
    await engine.store.set_run_time_settings({"send_progress_after_processed": 1})
    adding = Adding(row_s=0.001)
    await engine.app(adding.app())
    scheduler = await engine.scheduler(batch_rows=7)
    task_id = await engine.submit("add", numbers(300))
    await scheduler.start(task_id)

    seen: list[int] = []
    while not (task := await engine.task(task_id)).status.is_final:
        head = await engine.store.log.head(task_id)
        seen.append(task.succeeded or 0)
        assert seen[-1] <= (head.row if head is not None else 0)
        await asyncio.sleep(0)
    assert seen == sorted(seen)
    assert len(set(seen)) > 3, "the counts were hardly ever saved"
    assert (task.succeeded, task.failed) == (300, 0)


async def test_the_tries_to_upload_and_the_pause_between_them_change_while_they_go_on(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pause, "LOOK_S", 0.05)
    await engine.store.set_run_time_settings(
        {"attempt_upload_output_times": 2, "pause_between_upload_output_attempts_s": 3600}
    )
    files = FailingUploads(engine.store.files, failures=4)
    await engine.app(Adding().app())
    scheduler = await engine.scheduler(store=StoreWith(engine.store, files=files))
    task_id = await engine.submit("add", numbers(3))
    await scheduler.start(task_id)
    await eventually(lambda: files.tries == 1)

    await engine.store.set_run_time_settings(
        {"attempt_upload_output_times": 9, "pause_between_upload_output_attempts_s": 0}
    )
    assert (await engine.ended(task_id)).status is TaskStatus.SUCCESS
    assert files.tries == 5
