"""Creates a task once, however often a client asks under the same `Idempotency-Key`.

The first request under a key takes it in the store and names there the task that it will create.
Another request under the key gets the first one's answer, if it asks for the same. A front that
dies between storing a task and storing its answer leaves the task, from which the answer is made.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

import orjson
import structlog

from kztasks.api.access import Access
from kztasks.api.creation import Created, Creator, Order
from kztasks.api.limits.refusals import KeyReused, StillRunning
from kztasks.api.refusals import BadField
from kztasks.api.submission import Body
from kztasks.domain.task import Task, new_task_id, public_json
from kztasks.errors import KztasksError
from kztasks.kazoo.messages import TaskJson
from kztasks.store.access_records import Attempt, StoredAnswer
from kztasks.store.interface import Store

_log = structlog.get_logger(__name__)

BEAT_S: Final = 30.0
_CREATED: Final = 201
_KEY: Final = re.compile(r"[\x21-\x7e]{1,255}")


@dataclass(frozen=True, slots=True)
class Answer:
    """What a create request is answered, and whether that is an earlier request's answer."""

    data: TaskJson
    start_refused: str | None = None
    is_replayed: bool = False


class Idempotency:
    """Creates tasks, or finds out that they were created before."""

    def __init__(self, store: Store, creator: Creator) -> None:
        self._store = store
        self._creator = creator

    async def create(self, access: Access, key: str | None, order: Order, body: Body) -> Answer:
        """`Creator.create`, under a key if there is one; raises as it does.

        Raises:
            StillRunning: the first request under the key has no answer yet.
            KeyReused: the first request under the key asked for something else.
        """
        if key is None:
            created = await self._creator.create(access, order, body)
            return Answer(created.data, created.start_refused)
        mine = Attempt(
            key=_unique(access, key), holder=secrets.token_hex(16), task_id=new_task_id()
        )
        first = await self._store.idempotency.begin(mine)
        if first.holder != mine.holder:
            return await self._replay(first, access, order, body)
        try:
            async with self._beating(mine):
                created = await self._creator.create(access, order, body, task_id=mine.task_id)
        except BaseException:
            await asyncio.shield(asyncio.create_task(self._abandon(mine)))
            raise
        await self._keep(mine, order, created)
        return Answer(created.data, created.start_refused)

    async def _replay(self, first: Attempt, access: Access, order: Order, body: Body) -> Answer:
        answer = first.answer or await self._answer_of_task(first, access, order)
        if answer is None:
            raise StillRunning("the first request under this key has no answer yet")
        submission = await body.submission()
        digest = await self._creator.digest(submission)
        fingerprint = _fingerprint(
            access.target.account_id, order, submission.file_name, input_sha256=digest
        )
        if not secrets.compare_digest(fingerprint, answer.fingerprint):
            raise KeyReused("this key was used for another request")
        data: TaskJson = orjson.loads(answer.data)
        return Answer(data, is_replayed=True)

    async def _answer_of_task(
        self, first: Attempt, access: Access, order: Order
    ) -> StoredAnswer | None:
        """The answer of a front that died before it could store one."""
        task = await self._store.tasks.get(first.task_id, access.target.account_id)
        return _answer(task, order, {"_read_only": public_json(task)}) if task else None

    async def _keep(self, mine: Attempt, order: Order, created: Created) -> None:
        """The task is there by now; whoever asks again is answered from it if this fails."""
        answer = _answer(created.task, order, created.data)
        try:
            await self._store.idempotency.finish(mine.key, mine.holder, answer)
        except KztasksError:
            _log.warning("answer_not_kept", task_id=mine.task_id, exc_info=True)

    async def _abandon(self, mine: Attempt) -> None:
        """Give the key back, unless the task was stored all the same."""
        try:
            if await self._store.tasks.get(mine.task_id) is None:
                await self._store.idempotency.abandon(mine.key, mine.holder)
        except KztasksError:
            _log.warning("key_not_given_back", task_id=mine.task_id, exc_info=True)

    @asynccontextmanager
    async def _beating(self, mine: Attempt) -> AsyncIterator[None]:
        beating = asyncio.create_task(self._beat(mine))
        try:
            yield
        finally:
            beating.cancel()

    async def _beat(self, mine: Attempt) -> None:
        while True:
            await asyncio.sleep(BEAT_S)
            try:
                await self._store.idempotency.beat(mine.key, mine.holder)
            except KztasksError:
                _log.warning("key_not_kept", task_id=mine.task_id, exc_info=True)


def idempotency_key(header: str | None) -> str | None:
    """The key that a client sends.

    Raises:
        BadField: it is not of 1 to 255 visible ASCII characters.
    """
    if header is not None and _KEY.fullmatch(header) is None:
        raise BadField(
            "idempotency_key", "pattern", "The key must be 1 to 255 visible ASCII characters"
        )
    return header


def _unique(access: Access, key: str) -> str:
    """The key over all accounts; two callers' keys never meet."""
    whole = f"{access.caller.account_id} {access.target.account_id} {key}"
    return hashlib.sha256(whole.encode()).hexdigest()


def _answer(task: Task, order: Order, data: object) -> StoredAnswer:
    fingerprint = _fingerprint(
        task.account_id,
        Order(task.category, task.action, order.start),
        task.file_name,
        input_sha256=task.input.sha256 if task.input else None,
    )
    return StoredAnswer(fingerprint=fingerprint, status=_CREATED, data=orjson.dumps(data).decode())


def _fingerprint(
    account_id: str, order: Order, file_name: str | None, *, input_sha256: str | None
) -> str:
    whole = [account_id, order.category, order.action, order.start, file_name, input_sha256]
    return hashlib.sha256(orjson.dumps(whole)).hexdigest()
