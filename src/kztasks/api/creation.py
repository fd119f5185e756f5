"""Makes a new task: finds its action, checks and stores its input, then stores the task."""

from __future__ import annotations

from dataclasses import replace

import structlog

from kztasks.api.access import Access
from kztasks.api.catalogue import Catalogue
from kztasks.api.deps import ApiDeps
from kztasks.api.refusals import RefusedInput
from kztasks.api.submission import RequestBody, Submission
from kztasks.api.upload import INPUT_NAME, store_csv
from kztasks.api.upload_check import NO_CONTENT, UploadCheck, without_input
from kztasks.domain.gregorian import from_unix
from kztasks.domain.task import Task, new_task_id
from kztasks.errors import KztasksError
from kztasks.store.interface import Store
from tasks_bindings.wire.messages import Metadata

_log = structlog.get_logger(__name__)


class Creator:
    """Creates tasks. Once `create` has returned, the task and its whole input are stored."""

    def __init__(self, deps: ApiDeps, catalogue: Catalogue) -> None:
        self._deps = deps
        self._catalogue = catalogue

    async def create(
        self, access: Access, category: str | None, action: str | None, body: RequestBody
    ) -> Task:
        """Store a new pending task for the target account.

        Raises:
            MissingKind: no category or no action.
            UnknownTaskKind: no app serves them.
            RefusedInput: the input does not fit the action.
            CsvError: the input is no proper CSV.
            Invalid: the body breaks another rule.
            Unavailable: a scheduler or the store is silent.
        """
        kind = await self._catalogue.kind(category, action)
        submission = await body.submission()
        now = from_unix(self._deps.clock())
        task = Task(
            id=new_task_id(),
            account_id=access.target.account_id,
            auth_account_id=access.caller.account_id,
            category=kind.category,
            action=kind.action,
            created=now,
            modified=now,
            file_name=submission.file_name,
        )
        task = await self._with_input(task, kind.metadata, submission)
        await self._insert(task)
        _log.info(
            "task_created",
            task_id=task.id,
            account_id=task.account_id,
            auth_account_id=task.auth_account_id,
            category=task.category,
            action=task.action,
            rows=task.total_rows,
        )
        return task

    async def _with_input(self, task: Task, metadata: Metadata, submission: Submission) -> Task:
        if submission.chunks is None:
            without_input(metadata)
            return task
        if metadata.is_noinput:
            raise RefusedInput({"expected_content": NO_CONTENT})
        settings = self._deps.settings
        stored, checked = await store_csv(
            self._deps.store.files,
            f"{task.id}.{INPUT_NAME}",
            submission.chunks,
            UploadCheck(metadata, settings.csv, check_values=not submission.from_records),
            limit=settings.max_upload_bytes,
        )
        return replace(task, input=stored, total_rows=checked.rows)

    async def _insert(self, task: Task) -> None:
        try:
            await self._deps.store.tasks.insert(task)
        except BaseException:
            await _undo(self._deps.store, task)
            raise


async def _undo(store: Store, task: Task) -> None:
    """Remove what a failed create may have left, the task first: it must never lack its input."""
    try:
        await store.tasks.delete(task.id)
        if task.input is not None:
            await store.files.delete(task.input.file_id)
    except KztasksError as error:
        _log.warning("create_not_undone", task_id=task.id, code=error.code, why=str(error))
