"""`kztasks output`: what an operator does about an output that could not be stored."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest
from structlog.testing import capture_logs
from typer.testing import CliRunner, Result

from kztasks.cli.commands import output as output_command
from kztasks.cli.main import app
from kztasks.domain.status import TaskStatus
from kztasks.errors import Conflict, NotFound, StoreUnavailable
from kztasks.scheduler.redeliver import redeliver
from kztasks.store.interface import FileStore, Upload
from kztasks.store.mongo import MongoStore
from tests.contract.store.samples import executing
from tests.fixtures.undelivered import OUTPUT, PROBLEM, content, read, undelivered
from tests.integration.scheduler.faulty import FailingUploads, StoreWith

pytestmark = pytest.mark.store

Run = Callable[..., Result]
Ask = Callable[[Callable[[MongoStore], Awaitable[Any]]], Any]


class NotedUploads:
    """A file store that knows what was uploaded."""

    def __init__(self, files: FileStore) -> None:
        self._files = files
        self.ids: set[str] = set()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._files, name)

    def upload(self, file_id: str, name: str) -> AbstractAsyncContextManager[Upload]:
        self.ids.add(file_id)
        return self._files.upload(file_id, name)


@pytest.fixture
def run(store_url: str, database_name: str, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run the command."""
    monkeypatch.setenv("KZTASKS_MONGO_URL", store_url)
    monkeypatch.setenv("KZTASKS_MONGO_DATABASE", database_name)

    monkeypatch.setattr(output_command, "configure_logging", lambda **_: None)

    def run(*arguments: str) -> Result:
        with capture_logs():
            return CliRunner().invoke(app, ["output", *arguments])

    return run


@pytest.fixture
def ask(store_url: str, database_name: str) -> Ask:
    """Ask the store something, outside of an event loop of the test's."""

    def ask(question: Callable[[MongoStore], Awaitable[Any]]) -> Any:
        async def answer() -> Any:
            store = MongoStore(store_url, database_name)
            await store.prepare()
            try:
                return await question(store)
            finally:
                await store.close()

        return asyncio.run(answer())

    return ask


def test_a_retry_stores_the_bytes_of_the_log_and_gives_the_status_that_the_rows_deserve(
    run: Run, ask: Ask
) -> None:
    task = ask(undelivered)
    result = run("retry", task.id)

    assert result.exit_code == 0, result.output
    assert result.stdout == f"{task.id} {len(OUTPUT)} bytes\n"
    now = ask(lambda store: read(store, task))
    assert (now.status, now.reason, now.ended_at) == (TaskStatus.SUCCESS, None, task.ended_at)
    assert ask(lambda store: content(store, now)) == OUTPUT
    again = run("retry", task.id)
    assert again.exit_code == 1
    assert "is not in its log alone" in " ".join(again.stderr.split())


def test_all_means_all_whose_output_is_not_stored(
    run: Run, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(output_command, "PAGE", 2)
    tasks = [ask(undelivered) for _ in range(5)]
    result = run("retry", "--all")

    assert result.exit_code == 0, result.output
    assert sorted(result.stdout.splitlines()) == sorted(
        f"{task.id} {len(OUTPUT)} bytes" for task in tasks
    )
    assert "5 of 5" in result.stderr
    assert "0 of 0" in run("retry", "--all").stderr


def test_one_whose_log_is_broken_does_not_keep_the_others_from_being_stored(
    run: Run, ask: Ask
) -> None:
    broken, whole = ask(undelivered), ask(undelivered)
    ask(lambda store: store._database["log"].delete_one({"_id": f"{broken.id}:{2:010d}"}))
    result = run("retry", "--all")

    assert result.exit_code == 1
    assert result.stdout == f"{whole.id} {len(OUTPUT)} bytes\n"
    assert "log_broken" in result.stderr
    assert ask(lambda store: read(store, broken)).reason == PROBLEM


def test_print_writes_the_very_bytes_and_changes_nothing(run: Run, ask: Ask) -> None:
    task = ask(undelivered)
    result = run("print", task.id)

    assert result.exit_code == 0
    assert result.stdout_bytes == OUTPUT
    assert ask(lambda store: read(store, task)) == task


def test_nothing_but_the_output_is_printed_by_a_process_of_its_own(
    ask: Ask, store_url: str, database_name: str
) -> None:
    task = ask(undelivered)
    printed = subprocess.run(
        [sys.executable, "-m", "kztasks", "output", "print", task.id],
        env={"KZTASKS_MONGO_URL": store_url, "KZTASKS_MONGO_DATABASE": database_name},
        capture_output=True,
        check=True,
        timeout=30,
    )
    assert printed.stdout == OUTPUT


def test_what_cannot_be_stored_or_printed_is_refused(run: Run, ask: Ask) -> None:
    running = ask(lambda store: executing(store.tasks))

    assert isinstance(run("retry", "0" * 30).exception, NotFound)
    assert run("retry", running.id).exit_code == 1
    assert isinstance(run("print", running.id).exception, Conflict)
    assert run("retry").exit_code == 2
    assert run("retry", running.id, "--all").exit_code == 2


async def test_what_else_is_known_of_the_end_stays_in_the_reason(store: MongoStore) -> None:
    task = await undelivered(
        store, reason=f"{PROBLEM}; finish crashed: KeyError; cleanup crashed: OSError"
    )
    await redeliver(store, task)
    assert (await read(store, task)).reason == "finish crashed: KeyError; cleanup crashed: OSError"


async def test_of_two_operators_at_once_one_stores_it_and_no_file_is_left_over(
    store: MongoStore,
) -> None:
    task = await undelivered(store)
    files = NotedUploads(store.files)
    outcomes = await asyncio.gather(
        *(redeliver(StoreWith(store, files=files), task) for _ in range(4)),
        return_exceptions=True,
    )
    assert sum(isinstance(one, Conflict) for one in outcomes) == 3
    now = await read(store, task)
    assert await content(store, now) == OUTPUT
    assert now.output in outcomes
    assert now.output is not None
    assert len(files.ids) == 4
    for file_id in files.ids - {now.output.file_id}:
        with pytest.raises(NotFound):
            await store.files.download(file_id)


async def test_a_store_that_still_takes_nothing_leaves_the_task_as_it_is(
    store: MongoStore,
) -> None:
    task = await undelivered(store)
    with pytest.raises(StoreUnavailable):
        await redeliver(StoreWith(store, files=FailingUploads(store.files)), task)
    assert await read(store, task) == task
