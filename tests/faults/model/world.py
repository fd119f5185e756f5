"""Several schedulers that may all believe that a task is theirs, and what must hold nevertheless.

Each change of the log and of the task's document is looked at in the moment in which it is made, by
rules that say what the product promises, not how it keeps it.
"""

from __future__ import annotations

import csv
import io
import tempfile
from collections import Counter
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Any, Final, cast

from kztasks.csvio import encode_rows
from kztasks.domain.log import ROOT_SHA, LogRecord, RecordKind, is_sealed
from kztasks.domain.status import TaskStatus
from kztasks.domain.task import InputFile, Task
from kztasks.settings import Settings
from kztasks.store.mongo.log_document import log_record
from kztasks.store.mongo.task_document import task_document, task_of
from tests.faults.model.app import ADDED, ModelApp
from tests.faults.model.collection import Collection, Document, Documents
from tests.faults.model.loop import ModelLoop
from tests.faults.model.node import Answer, ModelNode, Shared, task_store

TASK_ID: Final = "model"
MOST_ROUNDS: Final = 600
"""Each task of the model is over long before, if somebody works on it."""
LOOK_EVERY: Final = 20
"""A scheduler looks for tasks that nobody runs once in so many of its steps."""


class Damage(StrEnum):
    """What happens to a log that is complete."""

    MISSING = "missing"
    """A record in the middle is gone."""
    CHANGED = "changed"
    """A record says something else."""
    TAIL = "tail"
    """The last records are gone."""


class World:
    """One task, its schedulers, its app and its database.

    Args:
        rows: of the task.
        batch_rows: most rows in a batch.
        nodes: schedulers that are there from the start.
    """

    def __init__(self, rows: int, batch_rows: int, nodes: int) -> None:
        self.rows: Final = rows
        self.loop: Final = ModelLoop()
        self._folder = tempfile.TemporaryDirectory(prefix="kztasks-model-", dir=_memory())
        self._log = Documents(self._watch_log)
        self._tasks = Documents(self._watch_task)
        self._acting: list[ModelNode] = []
        self._end: LogRecord | None = None
        self.is_final = False
        self.damage_done: Damage | None = None
        self.counts: Final = Counter[str]()
        self.started = 0
        self._shared = Shared(
            self.loop, self._tasks, self._log, {}, ModelApp(),
            Settings(
                output_folder=Path(self._folder.name), batch_rows=batch_rows, silence_s=5,
            ),
            self._acting, self._alive, [],
        )  # fmt: skip
        self._client: Final = task_store(Collection(self._tasks, _at_once))
        self._submit()
        self.nodes: Final[list[ModelNode]] = []
        self.nodes.extend(self._node() for _ in range(nodes))

    @property
    def app(self) -> ModelApp:
        """Whoever runs the rows."""
        return self._shared.app

    @property
    def task(self) -> Task:
        """The task's document."""
        return task_of(cast("Any", self._tasks.by_id[TASK_ID]))

    @property
    def records(self) -> list[LogRecord]:
        """The log."""
        return [log_record(cast("Any", one)) for _, one in sorted(self._log.by_id.items())]

    def request_stop(self) -> None:
        """Ask to stop the task."""
        self.loop.finish(self._client.request_stop(TASK_ID))

    def replace(self, slot: int) -> None:
        """Kill a scheduler; another one takes its place."""
        self.nodes[slot].kill()
        self.nodes[slot] = self._node()

    def step(self, node: ModelNode, *, rows: int, reply_first: bool) -> bool:
        """Let a scheduler come on by one answer; whether it waited for any."""
        self.counts["steps"] += 1
        waiting = [one for one in node.bus.waiting if not one.call._answers]
        if waiting and (reply_first or not node.operations):
            node.bus.answer(waiting[0], self.app.run(waiting[0].batch, rows))
            self.loop.settle()
            return True
        if node.operations:
            node.answer(Answer.GOOD)
            return True
        return False

    def damage(self, kind: Damage, which: int) -> bool:
        """Spoil the log, if it is complete and one scheduler is about to deliver it."""
        batches = [one for one in self.records if one.kind is RecordKind.BATCH and one.output]
        working = [one for one in self.nodes if one.is_at_work]
        if self._end is None or self.is_final or not batches or len(working) != 1:
            return False
        if not working[0].runs_tasks:
            return False
        self.damage_done = kind
        victim = batches[which % len(batches)]
        ids = sorted(self._log.by_id)
        match kind:
            case Damage.MISSING:
                del self._log.by_id[ids[victim.seq]]
            case Damage.CHANGED:
                self._log.by_id[ids[victim.seq]]["out"] = victim.output.replace(b'"1', b'"2')
            case Damage.TAIL:
                for one in ids[batches[-1].seq :]:
                    del self._log.by_id[one]
        return True

    def heal(self) -> None:
        """No more faults: the task has to end, and everybody has to let go of it."""
        if self._shared.broken:
            return
        if self.task.status is TaskStatus.PENDING:
            self.nodes[0].start(TASK_ID)
        for number in range(MOST_ROUNDS):
            if self.is_final and not any(node.runs_tasks for node in self.nodes):
                break
            if number % LOOK_EVERY == 0:
                for node in self.nodes:
                    node.look_around()
            stepped = [self.step(node, rows=99, reply_first=False) for node in self.nodes]
            if not any(stepped):
                self.loop.pass_time()
        else:
            raise AssertionError(f"it does not end: {self.task}, {self.loop.defects[:3]}")
        assert not self.loop.defects, self.loop.defects

    def close(self) -> None:
        """Leave nothing behind."""
        self.counts.update(
            examples=1, schedulers=self.started, rescues=self.task.rescues,
            runs=self.app.runs, rows=self.rows, records=len(self.records),
        )  # fmt: skip
        for node in self.nodes:
            node.kill()
        self.loop.close()
        self._folder.cleanup()

    def _node(self) -> ModelNode:
        self.started += 1
        return ModelNode(f"n{self.started}", self._shared)

    def _alive(self) -> list[str]:
        return [node.name for node in self.nodes if not node.is_dead]

    def _submit(self) -> None:
        content = encode_rows([[cell] for cell in ("n", *map(str, range(1, self.rows + 1)))])
        self._shared.files["in"] = content
        file = InputFile(
            file_id="in", columns=("n",), size=len(content),
            body_offset=content.index(b"\n") + 1, body_line=2, sha256="",
        )  # fmt: skip
        task = Task(
            id=TASK_ID, account_id="a", auth_account_id="a", category="t", action="chain",
            created=1, modified=1, total_rows=self.rows, input=file,
        )  # fmt: skip
        self._tasks.insert(cast("Any", task_document(task)))

    def _watch_log(self, before: Document | None, after: Document) -> None:
        assert before is None, "a record was written over"
        record, so_far = log_record(cast("Any", after)), self.records
        if self.damage_done is not None:
            if record.is_end:
                self._end = record  # the tail was gone before its next owner had read it
            return
        assert self._end is None, "a record comes after the end"
        assert record.seq == len(so_far), "a record is missing before this one"
        last = so_far[-1] if so_far else None
        sha, row = (last.sha, last.row) if last is not None else (ROOT_SHA, 0)
        assert is_sealed(record, sha), "a record does not build on the one before it"
        assert row <= record.row <= self.rows, "rows go back, or are made up"
        if record.is_end:
            self._end = record

    def _watch_task(self, before: Document | None, after: Document) -> None:
        if before is None:
            return
        was, now = task_of(cast("Any", before)), task_of(cast("Any", after))
        actor = self._acting[-1].name if self._acting else None
        if was.status.is_final:
            assert now.status is was.status, "a final task has become something else"
            return
        if now.owner != was.owner:
            self._watch_owner(was, now, actor)
        elif actor is not None:
            owner = was.owner.node if was.owner is not None else None
            assert actor == owner, "somebody else than its owner has changed the task"
        told_before = (was.failed or 0, was.succeeded or 0)
        told = (now.failed or 0, now.succeeded or 0)
        went_back = told[0] < told_before[0] or told[1] < told_before[1]
        assert not went_back, "rows that were done are done no more"
        if now.status.is_final:
            assert was.status is TaskStatus.EXECUTING, "a task ended that did not run"
            self.is_final = True
            self._check_end(now)

    def _watch_owner(self, was: Task, now: Task, actor: str | None) -> None:
        assert now.owner is not None, "the owner is forgotten"
        epoch = was.owner.epoch if was.owner is not None else 0
        if now.owner.node is None:
            assert was.owner is not None, "a task was released that nobody had"
            assert actor == was.owner.node, "somebody else than its owner has released the task"
            assert now.owner.epoch == epoch, "a release has changed the epoch"
        else:
            assert actor == now.owner.node, "a task was given to somebody who did not ask"
            assert now.owner.epoch == epoch + 1, "two owners have the same epoch"

    def _check_end(self, task: Task) -> None:
        end = self._end
        assert end is not None, "the task is final, and its log is not complete"
        if self.damage_done is not None and task.status is TaskStatus.INTERNAL_ERROR:
            return
        done = end.row
        if task.stop_requested and done < self.rows:
            assert task.status is TaskStatus.STOPPED, task
        else:
            assert task.status in {TaskStatus.SUCCESS, TaskStatus.STOPPED}, task
            assert task.stop_requested or done == self.rows, "rows are missing"
        assert (task.succeeded, task.failed) == (done, 0), "the counts are not those of the log"
        assert task.output is not None, task
        content = self._shared.files.get(task.output.file_id)
        assert content is not None, "the task is final, and its output is not there"
        self._check_output(content, done)

    def _check_output(self, content: bytes, done: int) -> None:
        header, *rows = csv.reader(io.StringIO(content.decode()))
        assert not done or header == ["n", *ADDED], header
        assert [row[0] for row in rows] == [str(n) for n in range(1, done + 1)], rows
        before = ""
        for row in rows:
            assert row[1] == before, f"row {row[0]} does not build on the run of the row before it"
            before = row[2]


async def _at_once(_name: str, do: Callable[[], Any]) -> Any:
    return do()


def _memory() -> str | None:
    """A folder in memory, as a thousand small files are written."""
    memory = Path("/dev/shm")
    return str(memory) if memory.is_dir() else None
