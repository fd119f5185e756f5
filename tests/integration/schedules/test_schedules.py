"""Schedules on several schedulers, a store, and a clock that the test sets."""

from __future__ import annotations

from kztasks.domain.schedule import (
    Overlap,
    RunOutcome,
    asked_for,
    paused,
    resumed,
)
from kztasks.domain.status import TaskStatus
from kztasks.store.interface import Account
from tests.integration.schedules.kit import ACCOUNT, CSV, T0, Site


async def test_three_schedulers_make_one_task_for_each_moment_with_its_own_input(
    site: Site,
) -> None:
    await site.add(overlap=Overlap.ALLOW)
    for _ in range(3):
        await site.scheduler()
    for number in range(1, 11):
        await site.go_to(T0 + 300 * number)
    tasks = await site.tasks()
    assert len(tasks) == 5
    assert sorted(site.started) == sorted(task.id for task in tasks)
    for task in tasks:
        assert (task.total_rows, task.file_name, task.category) == (2, "n.csv", "c")
        assert task.input is not None
        download = await site.store.files.download(task.input.file_id)
        assert await download.read(1000) == CSV
    assert len({task.input.file_id for task in tasks if task.input}) == 5
    assert await site.outcomes() == [(600 * n, RunOutcome.STARTED, 1) for n in range(1, 6)]


async def test_a_moment_is_skipped_while_the_task_before_runs(site: Site) -> None:
    await site.add()
    await site.scheduler()
    await site.go_to(T0 + 600)
    await site.go_to(T0 + 1200)
    await site.end(site.started[0])
    await site.go_to(T0 + 1800)
    assert [one for _, one, _ in await site.outcomes()] == [
        RunOutcome.STARTED,
        RunOutcome.SKIPPED,
        RunOutcome.STARTED,
    ]


async def test_queued_moments_follow_one_another(site: Site) -> None:
    await site.add(overlap=Overlap.QUEUE)
    await site.scheduler()
    for number in (1, 2, 3):
        await site.go_to(T0 + 600 * number)
    assert len(site.started) == 1
    for number in (1, 2, 3):
        await site.end(site.started[-1])
        await site.go_to(T0 + 1800 + number)
    assert len(site.started) == 3
    assert await site.outcomes() == [(600 * n, RunOutcome.STARTED, 1) for n in range(1, 4)]


async def test_what_was_missed_is_made_up_for_once(site: Site) -> None:
    await site.add()
    node = await site.scheduler()
    await site.kill(node)
    site.clock.set(T0 + 6_300)
    await site.scheduler()
    assert len(site.started) == 1
    assert await site.outcomes() == [
        (5400, RunOutcome.MISSED, 9),
        (6000, RunOutcome.STARTED, 1),
    ]


async def test_paused_resumed_and_asked_for(site: Site) -> None:
    await site.add(overlap=Overlap.ALLOW)
    await site.scheduler()
    await site.change(paused)
    await site.go_to(T0 + 1300)
    assert site.started == []
    await site.change(lambda schedule: asked_for(schedule, T0 + 1300))
    await site.go_to(T0 + 1301)
    assert len(site.started) == 1
    await site.change(lambda schedule: resumed(schedule, T0 + 1301))
    await site.go_to(T0 + 1799)
    assert len(site.started) == 1
    await site.go_to(T0 + 1800)
    assert len(site.started) == 2


async def test_a_task_that_cannot_be_started_is_there_and_the_record_says_why(site: Site) -> None:
    await site.add()
    site.refusal = "too many tasks"
    await site.scheduler()
    await site.go_to(T0 + 600)
    (task,) = await site.tasks()
    assert task.status is TaskStatus.PENDING
    (record,) = await site.store.schedules.records("s1", limit=9)
    assert (record.outcome, record.reason) == (RunOutcome.NOT_STARTED, "too many tasks")


async def test_a_schedule_whose_input_is_gone_says_so_at_each_moment(site: Site) -> None:
    await site.add()
    await site.store.files.delete("s1.in.csv")
    await site.scheduler()
    await site.go_to(T0 + 600)
    await site.go_to(T0 + 1200)
    assert [one for _, one, _ in await site.outcomes()] == [RunOutcome.NOT_MADE] * 2
    assert await site.tasks() == []


async def test_a_task_that_could_not_be_started_is_started_at_the_next_moment(site: Site) -> None:
    await site.add()
    site.refusal = "too_many_tasks"
    await site.scheduler()
    await site.go_to(T0 + 600)
    site.refusal = None
    await site.go_to(T0 + 1200)
    (task,) = await site.tasks()
    assert site.started == [task.id]
    await site.end(task.id)
    await site.go_to(T0 + 1800)
    assert [one for _, one, _ in await site.outcomes()] == [
        RunOutcome.NOT_STARTED,
        RunOutcome.SKIPPED,
        RunOutcome.STARTED,
    ]


async def test_an_account_gets_no_more_tasks_by_schedules_than_it_may_have(site: Site) -> None:
    await site.add(overlap=Overlap.ALLOW)
    site.most_tasks = 2
    await site.scheduler()
    for number in range(1, 5):
        await site.go_to(T0 + 600 * number)
    assert len(await site.tasks()) == 2
    assert [one for _, one, _ in await site.outcomes()] == [
        RunOutcome.STARTED,
        RunOutcome.STARTED,
        RunOutcome.NOT_MADE,
        RunOutcome.NOT_MADE,
    ]


async def test_an_account_that_is_disabled_gets_no_tasks_by_its_schedules(site: Site) -> None:
    await site.add()
    await site.store.accounts.add(Account(account_id=ACCOUNT, name="A"))
    await site.store.accounts.set_enabled(ACCOUNT, enabled=False)
    await site.scheduler()
    await site.go_to(T0 + 600)
    assert await site.tasks() == []
    await site.store.accounts.set_enabled(ACCOUNT, enabled=True)
    await site.go_to(T0 + 1200)
    assert [one for _, one, _ in await site.outcomes()] == [
        RunOutcome.NOT_MADE,
        RunOutcome.STARTED,
    ]
