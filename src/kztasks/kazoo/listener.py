"""The scheduler's side of Kazoo's API: takes requests, has them done, replies.

All schedulers share one queue, so that a request is done once. A message that is no request is
logged, counted and dropped; nothing that a stranger sends stops the listener or comes back to it.

Kazoo's callers wait for 2 s, and take silence for success. So an answer is given in time, whatever
the database does: what takes longer goes on, and is answered with `unavailable`.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from enum import StrEnum
from typing import Final, cast

import structlog
from pydantic import JsonValue
from structlog.contextvars import bound_contextvars

from kztasks.domain.task import Task, public_json
from kztasks.errors import KztasksError
from kztasks.kazoo.envelope import KazooMessage, encode, headers
from kztasks.kazoo.help import help_json
from kztasks.kazoo.messages import (
    REQUESTS,
    AnyRequest,
    LookupReply,
    LookupRequest,
    RemoveRequest,
    StartRequest,
    StopRequest,
    TaskJson,
    parse_request,
    reply_address,
)
from kztasks.kazoo.operations import UNAVAILABLE, Operations
from tasks_bindings.bus.interface import Bus, Delivery, Message, Subscription
from tasks_bindings.errors import BindingsError, Unroutable, WireError
from tasks_bindings.wire.topology import KAZOO_TARGETED, KAZOO_TASKS, Binding, Queue, QueueKind

_log = structlog.get_logger(__name__)

REQUESTS_QUEUE: Final = Queue(
    name="kztasks.requests",
    kind=QueueKind.SHARED,
    bindings=tuple(Binding(KAZOO_TASKS.name, model.routing_key) for model in REQUESTS.values()),
    prefetch=50,
)
"""Shared by all schedulers; the prefetch is Kazoo's own."""
ANSWER_S: Final = 1.7
"""An answer is given after so long at most; Kazoo's callers wait for 2 s."""
MAX_OVERDUE: Final = 20
"""So many requests may be overdue; further ones that need the database are not begun then."""


class KazooListener:
    """Answers Kazoo's requests until it is closed.

    Args:
        bus: a started bus.
        operations: does what is asked.
        node: this node's name, put in `Node` of the replies, such as `kztasks@host`.

    Attributes:
        counts: how many messages were `answered`, `failed` (the answer says so), `invalid`,
            `overdue` (it took too long), `unaddressed` (no usable `Server-ID`), `unclaimed` (the
            requester has gone) and `unsent` (the bus did not take the reply).
    """

    def __init__(self, bus: Bus, operations: Operations, *, node: str) -> None:
        self._bus = bus
        self._operations = operations
        self._node = node
        self._subscription: Subscription | None = None
        self._overdue: set[asyncio.Task[KazooMessage]] = set()
        self.counts: Counter[str] = Counter()

    async def open(self) -> None:
        """Take requests from now on, in the present session of the bus and all later ones."""
        self._subscription = await self._bus.consume(REQUESTS_QUEUE, self._handle)

    async def close(self, timeout: float = 5.0) -> None:
        """Take no new requests and finish those that run, within `timeout` seconds."""
        subscription, self._subscription = self._subscription, None
        if subscription is not None:
            await subscription.cancel()
            await subscription.drain(timeout)
        if self._overdue:
            await asyncio.wait(self._overdue, timeout=timeout)

    async def _handle(self, delivery: Delivery) -> None:
        try:
            request = parse_request(delivery.message.body, delivery.message.content_type)
        except WireError as error:
            self.counts["invalid"] += 1
            _log.warning(
                "kazoo_message_dropped",
                routing_key=delivery.routing_key,
                why=str(error),
                code=error.code,
            )
            return
        with bound_contextvars(
            kazoo_event=request.event_name, msg_id=request.msg_id, request_id=request.system_log_id
        ):
            reply = await self._answer(request)
            await self._send(request, reply)

    async def _answer(self, request: AnyRequest) -> KazooMessage:
        """The reply to a request, in time and whatever happens while it is done."""
        if len(self._overdue) >= MAX_OVERDUE and not isinstance(request, LookupRequest):
            self.counts["failed"] += 1
            return self._unavailable(request)
        doing = asyncio.create_task(self._attempt(request))
        try:
            await asyncio.wait({doing}, timeout=ANSWER_S)
        except asyncio.CancelledError:
            doing.cancel()
            raise
        if doing.done():
            return doing.result()
        # Not interrupted: what it has told the database to do may be done already.
        self.counts["overdue"] += 1
        _log.warning("kazoo_request_overdue", after_s=ANSWER_S)
        self._overdue.add(doing)
        doing.add_done_callback(self._overdue.discard)
        return self._unavailable(request)

    async def _attempt(self, request: AnyRequest) -> KazooMessage:
        try:
            reply = await self._do(request)
        except KztasksError as error:
            _log.warning("kazoo_request_failed", code=error.code, why=str(error))
        except Exception:  # noqa: BLE001 - the requester is owed an answer
            _log.exception("kazoo_request_crashed")
        else:
            self.counts["answered"] += 1
            return reply
        self.counts["failed"] += 1
        return self._unavailable(request)

    def _unavailable(self, request: AnyRequest) -> KazooMessage:
        fields = headers(self._node, request.msg_id)
        if isinstance(request, LookupRequest):
            return LookupReply(**fields, help={})
        return request.reply_model(**fields, reply=UNAVAILABLE)

    async def _do(self, request: AnyRequest) -> KazooMessage:
        fields = headers(self._node, request.msg_id)
        match request:
            case LookupRequest():
                found = await self._operations.lookup(request.category, request.action)
                return LookupReply(**fields, help=help_json(found))
            case StartRequest():
                result: Task | StrEnum = await self._operations.start(request.task_id)
            case StopRequest():
                result = await self._operations.stop(request.task_id)
            case RemoveRequest():
                result = await self._operations.remove(request.task_id)
        shown = result.value if isinstance(result, StrEnum) else _task_json(result)
        return request.reply_model(**fields, reply=shown)

    async def _send(self, request: AnyRequest, reply: KazooMessage) -> None:
        address = reply_address(request.server_id)
        if address is None:
            self.counts["unaddressed"] += 1
            _log.info("kazoo_reply_unaddressed", server_id=request.server_id)
            return
        try:
            message = Message(body=encode(reply), headers=address.headers)
            await self._bus.publish(KAZOO_TARGETED.name, address.routing_key, message)
        except Unroutable:
            self.counts["unclaimed"] += 1
            _log.info("kazoo_reply_unclaimed", server_id=request.server_id)
        except BindingsError as error:
            self.counts["unsent"] += 1
            _log.warning("kazoo_reply_unsent", code=error.code, why=str(error))


def _task_json(task: Task) -> TaskJson:
    return {"_read_only": cast("JsonValue", public_json(task))}
