"""The requester's side of Kazoo's API: what Crossbar does, with exactly its messages."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from typing import Final, TypeVar

import structlog
from structlog.contextvars import get_contextvars

from kztasks.errors import SchedulerUnavailable
from kztasks.kazoo.envelope import Headers, KazooMessage, decode, encode, headers, new_msg_id
from kztasks.kazoo.help import parse_help
from kztasks.kazoo.messages import (
    AnyTaskRequest,
    KazooRequest,
    LookupReply,
    LookupRequest,
    RemoveRequest,
    StartRequest,
    StopRequest,
    TaskJson,
)
from kztasks.kazoo.operations import RemoveRefusal, StartRefusal, StopRefusal
from tasks_bindings.bus.interface import Bus, Delivery, Message, Subscription
from tasks_bindings.errors import BusError, Unroutable, WireError
from tasks_bindings.wire.codec import MAX_MESSAGE_BYTES
from tasks_bindings.wire.messages import Help
from tasks_bindings.wire.topology import KAZOO_TARGETED, KAZOO_TASKS, Binding, Queue, QueueKind

_log = structlog.get_logger(__name__)

CALL_TIMEOUT_S: Final = 2.0
"""How long Kazoo waits for a reply."""

R = TypeVar("R", bound=KazooMessage)
Refusal = TypeVar("Refusal", StartRefusal, StopRefusal, RemoveRefusal)


class KazooClient:
    """Asks whichever scheduler takes the request.

    Args:
        bus: a started bus.
        node: this node's name, put in `Node` of the requests, such as `kztasks@host`.
        timeout_s: seconds to wait for a reply.
    """

    def __init__(self, bus: Bus, node: str, *, timeout_s: float = CALL_TIMEOUT_S) -> None:
        self._bus = bus
        self._node = node
        self._timeout_s = timeout_s
        self._server_id = f"{node}-kztasks_api-{secrets.token_hex(8)}"
        self._waiting: dict[str, Callable[[Message], None]] = {}
        self._subscription: Subscription | None = None

    @property
    def is_ready(self) -> bool:
        """Whether there is a session with the broker, so that a request can be sent."""
        return self._bus.is_ready

    @property
    def is_blocked(self) -> bool:
        """Whether the broker takes no messages now (memory or disk alarm)."""
        return self._bus.health.blocked

    async def open(self) -> None:
        """Listen for replies, in the present session of the bus and all later ones.

        The key that they come under stays the same in all sessions, the queue does not.
        """
        queue = Queue(
            name="kztasks.kazoo_replies",
            kind=QueueKind.PRIVATE,
            bindings=(Binding(KAZOO_TARGETED.name, self._server_id),),
            prefetch=100,
        )
        self._subscription = await self._bus.consume(queue, self._heard)

    async def close(self) -> None:
        """Listen no more; calls that wait end with their time."""
        subscription, self._subscription = self._subscription, None
        if subscription is not None:
            await subscription.cancel()

    async def lookup(self, category: str | None = None, action: str | None = None) -> Help:
        """The tasks that can be run now; `None` means all. Empty for what is not known.

        Raises:
            SchedulerUnavailable: no scheduler answered.
        """
        request = LookupRequest(
            **headers(self._node, new_msg_id()),
            server_id=self._server_id,
            system_log_id=_log_id(),
            category=category,
            action=action,
        )
        reply = await self._call(request, LookupReply)
        return parse_help(reply.help)

    async def start(self, task_id: str) -> TaskJson | StartRefusal:
        """Run a pending task; the task's public JSON under `_read_only`, or the refusal.

        Raises:
            SchedulerUnavailable: no scheduler answered; the task may have been started.
        """
        return await self._ask(self._about(task_id, StartRequest), StartRefusal)

    async def stop(self, task_id: str) -> TaskJson | StopRefusal:
        """Stop an executing task; returns and raises as `start` does."""
        return await self._ask(self._about(task_id, StopRequest), StopRefusal)

    async def remove(self, task_id: str) -> TaskJson | RemoveRefusal:
        """Delete a task that does not execute; returns and raises as `start` does."""
        return await self._ask(self._about(task_id, RemoveRequest), RemoveRefusal)

    def _about(self, task_id: str, model: type[AnyTaskRequest]) -> AnyTaskRequest:
        return model(
            **headers(self._node, new_msg_id()),
            server_id=self._server_id,
            system_log_id=_log_id(),
            task_id=task_id,
        )

    async def _ask(self, request: AnyTaskRequest, refusals: type[Refusal]) -> TaskJson | Refusal:
        answer = (await self._call(request, request.reply_model)).reply
        if not isinstance(answer, str):
            return answer
        try:
            return refusals(answer)
        except ValueError:
            raise SchedulerUnavailable(f"the scheduler answered {answer!r}") from None

    async def _call(self, request: KazooRequest, model: type[R]) -> R:
        future: asyncio.Future[R] = asyncio.get_running_loop().create_future()

        def take(message: Message) -> None:
            if not future.done():
                future.set_result(_decode(message, model))

        self._waiting[request.msg_id] = take
        try:
            async with asyncio.timeout(self._timeout_s):
                await self._bus.publish(
                    KAZOO_TASKS.name,
                    request.routing_key,
                    Message(body=encode(request), expires_ms=int(self._timeout_s * 1000)),
                    timeout=self._timeout_s,
                )
                return await future
        except TimeoutError:
            raise SchedulerUnavailable(f"no answer within {self._timeout_s} s") from None
        except Unroutable:
            raise SchedulerUnavailable("no scheduler is there") from None
        except BusError as error:
            raise SchedulerUnavailable(f"the bus failed: {error}") from error
        finally:
            del self._waiting[request.msg_id]

    async def _heard(self, delivery: Delivery) -> None:
        """Hand a reply to its call; what nobody waits for, or what is no reply, is dropped."""
        try:
            msg_id = _decode(delivery.message, Headers).msg_id
            take = self._waiting.get(msg_id)
            if take is None:
                _log.debug("kazoo_reply_late", msg_id=msg_id)
            else:
                take(delivery.message)
        except WireError as error:
            _log.warning("kazoo_reply_dropped", code=error.code, why=str(error))


def _decode(message: Message, model: type[R]) -> R:
    return decode(message.body, message.content_type, model, limit=MAX_MESSAGE_BYTES)


def _log_id() -> str | None:
    """The id of the HTTP request on whose behalf this is asked, as Crossbar passes it on."""
    request_id = get_contextvars().get("request_id")
    return request_id if isinstance(request_id, str) else None
