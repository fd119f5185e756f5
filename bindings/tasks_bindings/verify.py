"""Have rows verified by a live app that serves their action, before anything is stored or run.

Whoever asks needs no `Discovery`: the apps are asked for help when it is needed. The answer counts
that says of the action what the schedulers say.
"""

from __future__ import annotations

import time
from typing import Final

import structlog

from tasks_bindings.bus.interface import Bus, Call, Message
from tasks_bindings.errors import (
    DecodeError,
    MessageTooLarge,
    NoHandler,
    ReplyTimeout,
    Unroutable,
    WireError,
)
from tasks_bindings.wire import codec
from tasks_bindings.wire.keys import action_key, help_key
from tasks_bindings.wire.messages import HelpReply, HelpRequest, MessageType, Metadata, Refused
from tasks_bindings.wire.topology import BINDINGS, addressed
from tasks_bindings.wire.verification import Verify, VerifyReply, check_reply

_log = structlog.get_logger(__name__)

VERIFY_TIMEOUT_S: Final = 15.0
"""How long one answer is waited for; most of it is for the batches that are in the queue before."""
ASK_TIMEOUT_S: Final = 2.0
"""How long an app may take to say what it serves."""
PREFER_S: Final = 0.2
"""How long an app that can verify is waited for, once one has answered that cannot."""


class RowVerifier:
    """Sends rows to apps and gets back which of them would fail.

    Args:
        bus: the way to the apps.
        timeout_s: seconds for one answer.
    """

    def __init__(self, bus: Bus, *, timeout_s: float = VERIFY_TIMEOUT_S) -> None:
        self._bus = bus
        self._timeout_s = timeout_s

    async def app_for(self, category: str, action: str, metadata: Metadata) -> str | None:
        """The app to send rows of an action to.

        Args:
            category: the action's category.
            action: its name.
            metadata: what schedulers say of it; an app that says something else gets no rows.

        Returns:
            Its name; `None` where none of those that serve the action can verify.

        Raises:
            NoHandler: no live app serves it.
            BusError: the broker does not answer.
        """
        question = Message(
            body=codec.encode(HelpRequest()),
            type=MessageType.HELP,
            expires_ms=int(ASK_TIMEOUT_S * 1000),
        )
        await self._bus.wait_ready(ASK_TIMEOUT_S)
        key = help_key(category, action)
        try:
            async with self._bus.call(BINDINGS.name, key, question) as call:
                return await _first_that_verifies(call, category, action, metadata)
        except Unroutable:
            raise NoHandler(f"nobody serves {action_key(category, action)}") from None

    async def verify(self, app: str, request: Verify) -> VerifyReply:
        """Have rows verified by an app; perhaps only the first of them, one at least.

        Raises:
            MessageTooLarge: the request does not fit into a message.
            NoHandler: the app has left, or will not or cannot verify them.
            BusError: it could not be asked, or did not answer.
            WireError: its answer is none to this request.
        """
        message = Message(
            body=codec.encode(request),
            type=MessageType.VERIFY,
            expires_ms=int(self._timeout_s * 1000),
        )
        key = action_key(request.category, request.action)
        async with self._bus.call(BINDINGS.name, addressed(app, key), message) as call:
            answer = (await call.receive(self._timeout_s)).message
        try:
            return _read(answer, request, app)
        except MessageTooLarge as error:  # which means the request where it leaves this method
            raise DecodeError(f"{app} answered with {error}") from None


def _read(answer: Message, request: Verify, app: str) -> VerifyReply:
    match answer.type:
        case MessageType.VERIFY_REPLY:
            return check_reply(codec.decode(answer.body, VerifyReply), request)
        case MessageType.REFUSED:
            refused = codec.decode(answer.body, Refused)
            raise NoHandler(f"{app} refused to verify: {refused.code}: {refused.message}")
        case MessageType.DEAD:
            raise NoHandler(f"no instance of {app} could verify")
        case other:
            raise DecodeError(f"{app} answered with a message of type {other!r}")


async def _first_that_verifies(
    call: Call, category: str, action: str, metadata: Metadata
) -> str | None:
    deadline, serves = time.monotonic() + ASK_TIMEOUT_S, False
    while (left := deadline - time.monotonic()) > 0:
        try:
            answer = (await call.receive(left)).message
            reply = codec.decode(answer.body, HelpReply)
        except ReplyTimeout:
            break
        except WireError as error:
            _log.warning("bad_help_reply", error=str(error))
            continue
        if reply.help.get(category, {}).get(action) != metadata:
            continue
        if reply.verifies:
            return reply.app.name
        if not serves:
            serves, deadline = True, min(deadline, time.monotonic() + PREFER_S)
    if not serves:
        raise NoHandler(f"nobody serves {action_key(category, action)}")
    return None
