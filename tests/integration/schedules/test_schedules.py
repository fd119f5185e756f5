"""What becomes of the moments of a schedule, with any number of schedulers."""

from __future__ import annotations

from kztasks.domain.schedule import Overlap, RunOutcome
from tests.integration.schedules.kit import CSV, T0, Site


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
