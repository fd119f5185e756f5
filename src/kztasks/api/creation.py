"""Makes a new task: finds its action, checks and stores its input, then stores the task."""

from __future__ import annotations

from dataclasses import dataclass, replace

import structlog

from kztasks.api.access import Access
from kztasks.api.audit import Auditor
from kztasks.api.catalogue import Catalogue
from kztasks.api.deps import ApiDeps
from kztasks.api.metrics import Metrics
from kztasks.api.refusals import RefusedInput
from kztasks.api.service import TaskService
from kztasks.api.submission import Body, Submission
from kztasks.api.upload import INPUT_NAME, digest_csv, store_csv
from kztasks.api.upload_check import with_input, without_input
from kztasks.csvio import CsvError
from kztasks.domain.gregorian import from_unix
from kztasks.domain.task import InputFile, Task, new_task_id, public_json
from kztasks.errors import KztasksError
from kztasks.kazoo.messages import TaskJson
from kztasks.quota import UNFINISHED, TaskQuota
from kztasks.store.interface import Store
from tasks_bindings.wire.messages import Metadata

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Order:
    """What a client wants to be created, and whether it is to be started at once."""

    category: str | None
    action: str | None
    start: bool = False


@dataclass(frozen=True, slots=True)
class Created:
    """A new task.

    Args:
        task: as it was stored.
        data: as it is shown, under `_read_only`; executing if it was started.
        start_refused: the code of the error if it should have been started and was not.
    """

    task: Task
    data: TaskJson
    start_refused: str | None = None


class Creator:
    """Creates tasks. Once `create` has returned, the task and its whole input are stored."""

    def __init__(
        self,
        deps: ApiDeps,
        catalogue: Catalogue,
        tasks: TaskService,
        audit: Auditor,
        metrics: Metrics,
    ) -> None:
        self._deps = deps
        self._catalogue = catalogue
        self._tasks = tasks
        self._audit = audit
        self._metrics = metrics
        most = deps.settings.unfinished_tasks
        self._quota = TaskQuota(deps.store.tasks, UNFINISHED, most)

    async def create(
        self, access: Access, order: Order, body: Body, *, task_id: str | None = None
    ) -> Created:
        """Store a new pending task for the target account, and start it if that is wanted.

        Args:
            access: whose task it will be, and who asks.
            order: what to create.
            body: the input.
            task_id: of the new task; a fresh one without it.

        Raises:
            MissingKind: no category or no action.
            UnknownTaskKind: no app serves them.
            RefusedInput: the input does not fit the action.
            CsvError: the input is no proper CSV.
            Invalid: the body breaks another rule.
            TooManyTasks: the account has as many unfinished ones as it may have.
            Unavailable: a scheduler or the store is silent.
        """
        kind = await self._catalogue.kind(order.category, order.action)
        await self._quota.permit(access.target.account_id)
        submission = await body.submission()
        now = from_unix(self._deps.clock())
        task = Task(
            id=task_id or new_task_id(),
            account_id=access.target.account_id,
            auth_account_id=access.caller.account_id,
            category=kind.category,
            action=kind.action,
            created=now,
            modified=now,
            file_name=submission.file_name,
        )
        stored, rows = await self.store_input(task.id, kind.metadata, submission)
        task = replace(task, input=stored, total_rows=rows)
        await self._insert(task)
        self._count(task, submission)
        await self._audit.note(access, "task_created", task_id=task.id)
        created = Created(task, {"_read_only": _json(task)})
        return await self._started(access, created) if order.start else created

    async def digest(self, submission: Submission) -> str | None:
        """The SHA-256 of the CSV that would be stored, or `None` without input.

        Raises:
            BodyTooLarge: it is larger than any that would be.
        """
        if submission.chunks is None:
            return None
        return await digest_csv(submission.chunks, limit=self._deps.settings.max_upload_bytes)

    async def store_input(
        self, owner_id: str, metadata: Metadata, submission: Submission
    ) -> tuple[InputFile | None, int | None]:
        """Check and store what an action is to run on; the file and its rows, if there is one.

        Args:
            owner_id: of the task, or schedule, that the file is for.
            metadata: of the action.
            submission: what the client sent.

        Raises:
            RefusedInput: the input does not fit the action.
            CsvError: the input is no proper CSV.
            BodyTooLarge: it is larger than may be.
        """
        try:
            if submission.chunks is None:
                without_input(metadata)
                return None, None
            limits, from_records = self._deps.settings.csv, submission.from_records
            check = with_input(metadata, limits, from_records=from_records)
            stored, checked = await store_csv(
                self._deps.store.files,
                f"{owner_id}.{INPUT_NAME}",
                submission.chunks,
                check,
                limit=self._deps.settings.max_upload_bytes,
            )
        except (RefusedInput, CsvError) as error:
            self._metrics.refused_inputs.labels(error.code).inc()
            raise
        return stored, checked.rows

    async def _insert(self, task: Task) -> None:
        try:
            await self._deps.store.tasks.insert(task)
        except BaseException:
            await _undo(self._deps.store, task)
            raise

    async def _started(self, access: Access, created: Created) -> Created:
        """The task is stored and stays, also when it cannot be started now."""
        try:
            data = await self._tasks.start(access, created.task.id)
        except KztasksError as error:
            return replace(created, start_refused=error.code)
        return replace(created, data=data)

    def _count(self, task: Task, submission: Submission) -> None:
        given = "none" if task.input is None else "records" if submission.from_records else "csv"
        self._metrics.tasks_created.labels(task.category, task.action, given).inc()
        if task.input is not None:
            self._metrics.input_bytes.inc(task.input.size)


async def _undo(store: Store, task: Task) -> None:
    """Remove what a failed create may have left, the task first: it must never lack its input."""
    try:
        await store.tasks.delete(task.id)
        if task.input is not None:
            await store.files.delete(task.input.file_id)
    except KztasksError as error:
        _log.warning("create_not_undone", task_id=task.id, code=error.code, why=str(error))


def _json(task: Task) -> TaskJson:
    shown: TaskJson = {**public_json(task)}  # type: ignore[dict-item]  # its values are JSON
    return shown
