"""All cases at once through a running scheduler and an app, over a bus and a store."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, Final
from uuid import uuid4

from kztasks.domain.task import Task, stored_files
from kztasks.errors import StoreUnavailable
from kztasks.store.interface import FileStore, Store, Upload
from kztasks.store.mongo import MongoStore
from tasks_bindings import App
from tests.compatibility.original.case import Answer, Case
from tests.compatibility.original.terms import StopTask
from tests.compatibility.scripted import ACTION, Scripted
from tests.integration.scheduler.faulty import StoreWith
from tests.integration.scheduler.kit import Engine, RunningScheduler

PATIENCE_S: Final = 40.0
QUIET: Final[dict[str, object]] = {
    "wait_after_row_ms": 0,
    "pause_between_upload_output_attempts_s": 0,
}


class FailingFiles:
    """A file store that does not take the first so many files of a task."""

    def __init__(self, files: FileStore) -> None:
        self._files = files
        self.failures_left: defaultdict[str, int] = defaultdict(int)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._files, name)

    @asynccontextmanager
    async def upload(self, file_id: str, name: str) -> AsyncIterator[Upload]:
        """Hand through what is written, or fail at once."""
        task_id = file_id.partition("/")[0]
        if self.failures_left[task_id] > 0:
            self.failures_left[task_id] -= 1
            raise StoreUnavailable("the disk is full")
        async with self._files.upload(file_id, name) as upload:
            yield upload


@dataclass
class Started:
    """A case that runs, or has run."""

    case: Case
    category: str
    scripted: Scripted
    task_id: str = ""


@dataclass
class Running:
    """An engine with one app whose categories are the cases.

    Args:
        store: where it keeps everything.
        folder: for outputs that cannot be uploaded, and for files of the app.
        cases: what to run.
    """

    store: Store
    folder: Path
    cases: Sequence[Case]
    all: list[Started] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._files = FailingFiles(self.store.files)
        self._engine = Engine(self.store, self.folder)
        for index, case in enumerate(self.cases):
            scripted = Scripted(case)
            started = Started(case, f"v{index}", scripted)
            scripted.stop_task = self._stopper(started)
            self.all.append(started)

    async def answers(self) -> dict[str, Answer]:
        """Run all cases to their ends; their answers by name."""
        await self._start()
        try:
            for config in {tuple(sorted(one.case.config.items())) for one in self.all}:
                group = [one for one in self.all if one.case.config == dict(config)]
                await self._configure(dict(config))
                await asyncio.gather(*map(self._begin, group))
                await self._until_quiet(group)
            return {one.case.name: await self._answer(one) for one in self.all}
        finally:
            await self._engine.close()

    async def _start(self) -> None:
        """The app and the schedulers."""
        files = self.folder / "files"
        await asyncio.to_thread(files.mkdir)
        for one in self.all:
            for path, content in one.case.files.items():
                (files / PurePosixPath(path).name).write_bytes(content)
        served = [
            one.scripted.category(one.category) for one in self.all if not one.case.is_unbound
        ]
        await self._engine.app(App("scripted", *served, concurrency=400, files=files))
        store = StoreWith(self.store, files=self._files)
        self._schedulers = await self._schedulers_for(store)

    async def _schedulers_for(self, store: Any) -> list[RunningScheduler]:
        """One for all cases, and one for those that are stopped, which sends single rows."""
        return [await self._engine.scheduler(store=store, batch_rows=rows) for rows in (1000, 1)]

    async def _configure(self, config: dict[str, int]) -> None:
        await self.store.set_run_time_settings({**QUIET, **config})
        for one in self._schedulers:
            await one.scheduler.run_time.refresh()

    def _scheduler_of(self, case: Case) -> RunningScheduler:
        return self._schedulers[any(isinstance(one, StopTask) for one in case.returns)]

    def _stopper(self, started: Started) -> Any:
        async def stop_and_wait() -> None:
            scheduler = self._scheduler_of(started.case).scheduler
            await scheduler.operations.stop(started.task_id)
            await asyncio.Event().wait()

        return stop_and_wait

    async def _begin(self, one: Started) -> None:
        case = one.case
        csv = None if case.csv is None else case.csv.encode()
        one.task_id = await self._engine.submit(
            ACTION, csv, category=one.category, total_rows=case.total_rows
        )
        self._files.failures_left[one.task_id] = case.attachment_failures
        if case.is_input_lost:
            task = await self._engine.task(one.task_id)
            assert task.input is not None
            await self.store.files.delete(task.input.file_id)
        await self._scheduler_of(case).start(one.task_id)

    async def _until_quiet(self, group: Iterable[Started]) -> None:
        """Until all that can end have ended, hooks included, and the others wait."""
        waiting = [one for one in self.all if one.case.is_unbound and one.task_id]
        await until(lambda: sum(one.scheduler.running for one in self._schedulers) == len(waiting))
        for one in group:
            if one.case.is_unbound:
                await self._engine.until(one.task_id, lambda task: task.waiting_for)

    async def _answer(self, one: Started) -> Answer:
        task, scripted = await self._engine.task(one.task_id), one.scripted
        assert (task.status == "internal_error") <= bool(task.reason), "no reason for an error"
        attachments = {name: await self._content(task, name) for name in stored_files(task)}
        attachments.pop("in.csv", None)
        out_csv = attachments.pop("out.csv", None)
        return Answer(
            status=task.status.value,
            public_status=task.status.value,
            total=task.total_rows,
            failed=task.failed,
            succeeded=task.succeeded,
            out_csv=None if out_csv is None else out_csv.decode(),
            attachments=attachments,
            calls=list(scripted.calls.values()),
            verifier_calls=scripted.verifier_calls,
            finish_calls=scripted.finish_calls,
            cleanup_calls=scripted.cleanup_calls,
            output_header_calls=scripted.output_header_calls,
        )

    async def _content(self, task: Task, name: str) -> bytes:
        file = stored_files(task)[name]
        if name == "in.csv":
            return b""
        download = await self.store.files.download(file.file_id)
        content = b""
        while piece := await download.read(1 << 20):
            content += piece
        return content


def answers_of(
    kind: type[Running], store_url: str, folder: Path, cases: Sequence[Case]
) -> dict[str, Answer]:
    """Run cases on a store of their own."""
    return asyncio.run(_answers_of(kind, store_url, folder, cases))


async def _answers_of(
    kind: type[Running], store_url: str, folder: Path, cases: Sequence[Case]
) -> dict[str, Answer]:
    store = MongoStore(store_url, f"kztasks_test_{uuid4().hex}")
    await store.prepare()
    try:
        return await kind(store, folder, cases).answers()
    finally:
        await store._client.drop_database(store._database.name)
        await store.close()


async def until(holds: Any) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < deadline, "not all tasks have ended"
        await asyncio.sleep(0.02)
