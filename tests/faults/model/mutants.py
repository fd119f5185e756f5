"""The guards of the log, each with a way to take it away. The model has to notice every one.

A mutant changes a function's source text in the running process; what it looks for must be there,
so that a mutant does not outlive the guard that it is about.
"""

from __future__ import annotations

import importlib
import inspect
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Final

LOG: Final = "kztasks.store.mongo.log:MongoLog.append"
TASKS: Final = "kztasks.store.mongo.tasks:"
RUNNER: Final = "kztasks.scheduler.runner:TaskRunner."
OUTPUT: Final = "kztasks.domain.output:output_parts"


@dataclass(frozen=True, slots=True)
class Mutant:
    """A guard that is taken away.

    Args:
        guard: what it is, in words.
        where: `MODULE:FUNCTION` or `MODULE:CLASS.FUNCTION`.
        old: a piece of the function's source, which stands in it once.
        new: what stands there instead.
        examples: after so many at most the model must have noticed.
    """

    guard: str
    where: str
    old: str
    new: str
    examples: int = 4000

    @contextmanager
    def applied(self) -> Iterator[None]:
        """The guard is away while the context is open."""
        module_name, _, path = self.where.partition(":")
        module = importlib.import_module(module_name)
        holder: Any = module
        *owners, name = path.split(".")
        for owner in owners:
            holder = getattr(holder, owner)
        original = vars(holder)[name]
        source = textwrap.dedent(inspect.getsource(original))
        if source.count(self.old) != 1:
            raise LookupError(f"{self.where} has {source.count(self.old)} times {self.old!r}")
        made: dict[str, Any] = {}
        changed = "from __future__ import annotations\n" + source.replace(self.old, self.new)
        exec(compile(changed, self.where, "exec"), vars(module), made)
        holders = [holder, *_importers(original, name)]
        try:
            for one in holders:
                setattr(one, name, made[name])
            yield
        finally:
            for one in holders:
                setattr(one, name, original)


def _importers(function: object, name: str) -> list[ModuleType]:
    """Modules that have imported a function by its name."""
    return [
        module
        for title, module in list(sys.modules.items())
        if title.startswith("kztasks.") and getattr(module, name, None) is function
    ]


MUTANTS: Final[dict[str, Mutant]] = {
    "upsert": Mutant(
        "unique id of a log record: insert only",
        "kztasks.store.mongo.together:Inserts.insert",
        "self._collection.insert_one(document)", "self._collection.replace_one(document)",
    ),
    "own_as_adopted": Mutant(
        "a duplicate is read and adopted",
        LOG, "return log_record(there)", "return record",
    ),
    "unknown_as_done": Mutant(
        "an insert without an answer is done again",
        "kztasks.scheduler.commit:commit",
        "await asyncio.sleep(backoff)", "return record",
    ),
    "rivals_ignored": Mutant(
        "what was built on a record that lost is thrown away",
        f"{RUNNER}_run_rows", "if committed.sha != head.sha:", "if False:",
    ),
    "reply_of_another_task": Mutant(
        "a reply belongs to the task that was asked for",
        "kztasks.scheduler.answers:_fits",
        "return asked == answered and", "return asked[1:] == answered[1:] and",
    ),
    "reply_of_another_epoch": Mutant(
        "a reply belongs to the epoch that was asked for",
        "kztasks.scheduler.answers:_fits",
        "return asked == answered and",
        "return (asked[0], *asked[2:]) == (answered[0], *answered[2:]) and",
    ),
    "reply_of_another_seq": Mutant(
        "a reply belongs to the batch that was asked for",
        "kztasks.scheduler.answers:_fits",
        "return asked == answered and",
        "return (*asked[:2], asked[3]) == (*answered[:2], answered[3]) and",
    ),
    "reply_of_other_rows": Mutant(
        "a reply belongs to the rows and the Data that were sent",
        "kztasks.scheduler.answers:_fits",
        "return asked == answered and", "return asked[:3] == answered[:3] and",
    ),
    "reply_matched_by_task": Mutant(
        "a reply is matched by more than its task",
        "kztasks.scheduler.answers:_fits",
        "return asked == answered and", "return asked[0] == answered[0] and",
    ),
    "rows_ahead_taken_as_next": Mutant(
        "rows read ahead come next only if all before them were run",
        "kztasks.scheduler.ahead:ReadAhead.take", "prepared.skip == skip", "True",
    ),
    "end_beside_the_log": Mutant(
        "the end goes through the log",
        f"{RUNNER}_commit",
        "committed = await commit(log, record)",
        "committed = record if record.is_end else await commit(log, record)",
    ),
    "taken_from_anybody": Mutant(
        "a take-over names the owner and epoch that it takes from",
        f"{TASKS}MongoTasks.take_over", "_owned(task_id, lost, epoch)",
        "{'_id': {'$eq': task_id}, 'pvt_status': dict(_EXECUTING)}",
    ),
    "claimed_twice": Mutant(
        "a pending task alone can be claimed",
        f"{TASKS}MongoTasks.claim", '"pvt_status": {"$eq": TaskStatus.PENDING.value},', "",
    ),
    "epoch_stands_still": Mutant(
        "the epoch grows with each owner",
        f"{TASKS}MongoTasks.take_over", "Owner(node, epoch + 1)", "Owner(node, epoch)",
    ),
    "finished_by_anybody": Mutant(
        "the owner alone makes a task final",
        f"{TASKS}MongoTasks.finish", '"owner.epoch": {"$eq": epoch},', "",
    ),
    "finished_twice": Mutant(
        "a task becomes final once",
        f"{TASKS}MongoTasks.finish",
        '"pvt_status": dict(_EXECUTING),\n        "owner.epoch": {"$eq": epoch},', "",
    ),
    "released_by_anybody": Mutant(
        "the owner alone gives a task back",
        f"{TASKS}MongoTasks.release", "_owned(task_id, node, epoch)",
        "{'_id': {'$eq': task_id}, 'pvt_status': dict(_EXECUTING)}",
    ),
    "viewed_by_anybody": Mutant(
        "the owner alone writes the view, and so learns that it lost the task",
        f"{TASKS}MongoTasks.refresh", "_owned(task_id, node, epoch)",
        "{'_id': {'$eq': task_id}, 'pvt_status': dict(_EXECUTING)}",
    ),
    "won_unawares": Mutant(
        "a task that was won by a call whose answer was lost is run",
        "kztasks.scheduler.service:Scheduler._observe", "self._owned.run(task)", "pass",
    ),
    "seal_not_checked": Mutant(
        "each record is sealed over the one before",
        OUTPUT, "or not is_sealed(record, sha)", "",
    ),
    "end_not_reached": Mutant(
        "the output has all records up to the end",
        OUTPUT,
        "if expected != head.seq + 1 or sha != head.sha or header is None:",
        "if header is None:",
    ),
    "final_before_the_output": Mutant(
        "a task is final when its output can be downloaded, not before",
        "kztasks.scheduler.output:_upload_once", "await target.commit()", "pass",
    ),
    "begun_at_the_start": Mutant(
        "who takes a task over goes on where its log ends",
        "kztasks.scheduler.pacing:source_of", "position_after(head)",
        "position_after(__import__('dataclasses').replace("
        "head, offset=task.input.body_offset, row=0))",
    ),
    "failures_hidden": Mutant(
        "a defect gives the task back",
        "kztasks.scheduler.owned:OwnedTasks._supervise",
        "except GivenBack:\n        await self._release(runner.task)",
        "except GivenBack:\n        pass",
    ),
}  # fmt: skip
