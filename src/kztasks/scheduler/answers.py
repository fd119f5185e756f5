"""What comes back for a batch: its reply, a sign of life, a refusal, or that it is dead.

Whatever else comes is logged and ignored: an app may answer late, twice, or nonsense.
"""

from __future__ import annotations

from typing import Final

import structlog

from kztasks.errors import KztasksError, OwnershipLost
from kztasks.scheduler.request import BatchRequest
from tasks_bindings.bus import Delivery
from tasks_bindings.errors import WireError
from tasks_bindings.wire import codec
from tasks_bindings.wire.messages import BatchReply, Dead, MessageType, Progress, Refused

_log = structlog.get_logger(__name__)


class BatchPoisoned(KztasksError):
    """Every process that took the batch died.

    Args:
        ran_alone: in how many of them it had begun to run, with nothing beside it.
    """

    code = "batch_poisoned"

    def __init__(self, ran_alone: int) -> None:
        super().__init__("every process that took the batch died")
        self.ran_alone: Final = ran_alone


class BatchRejected(KztasksError):
    """The app cannot run the batch, now or later; the text tells the operator why."""

    code = "batch_rejected"


class BatchLost(KztasksError):
    """No answer and no sign of life; the batch is to be sent again."""

    code = "batch_lost"


class BatchNotSent(BatchLost):
    """It was not even sent."""

    code = "batch_not_sent"


class BatchFailed(BatchLost):
    """The app's process could not read the batch, or not send its answer."""

    code = "batch_failed"


def progress_of(delivery: Delivery, request: BatchRequest) -> Progress | None:
    """The sign of life in a delivery; `None` if it is none of this batch."""
    if delivery.message.type != MessageType.PROGRESS:
        return None
    try:
        progress = codec.decode(delivery.message.body, Progress)
    except WireError as error:
        _log.warning("bad_progress", why=str(error))
        return None
    return progress if (progress.task_id, progress.seq) == (request.task_id, request.seq) else None


def reply_of(delivery: Delivery, request: BatchRequest, *, ran_alone: int) -> BatchReply | None:
    """The reply in a delivery; `None` if it is not one that counts.

    Args:
        delivery: what came.
        request: the batch that was sent.
        ran_alone: how often an app has said that it is about to run the batch alone.

    Raises:
        BatchPoisoned: every process that took the batch died.
        BatchRejected: the app cannot run it.
        BatchLost: nobody ran it.
        OwnershipLost: the app has seen a later owner of the task.
    """
    try:
        match delivery.message.type:
            case MessageType.BATCH_REPLY:
                reply = codec.decode(delivery.message.body, BatchReply)
                if _fits(reply, request):
                    return reply
                _log.warning("bad_reply", app=reply.app.name, why="it answers another batch")
            case MessageType.REFUSED:
                _raise_refusal(codec.decode(delivery.message.body, Refused))
            case MessageType.DEAD:
                _raise_death(codec.decode(delivery.message.body, Dead), ran_alone)
            case MessageType.PROGRESS:
                pass
            case other:
                _log.warning("bad_reply", why=f"unexpected message of type {other!r}")
    except WireError as error:
        _log.warning("bad_reply", why=str(error))
    return None


def fault_of(reply: BatchReply, max_data_bytes: int) -> str | None:
    """Why the task cannot go on after the rows of a reply; `None` if it can.

    Args:
        reply: of an app, which may not keep to the limit.
        max_data_bytes: largest `Data`.
    """
    if reply.fault is not None:
        return f"{reply.fault.code}: {reply.fault.message}"
    size = len((reply.data or "").encode())
    if size <= max_data_bytes:
        return None
    return f"state_too_large: Data is {size} bytes, the limit is {max_data_bytes}"


def _fits(reply: BatchReply, request: BatchRequest) -> bool:
    asked = (request.task_id, request.epoch, request.seq, request.hash)
    answered = (reply.task_id, reply.epoch, reply.seq, reply.hash)
    return asked == answered and len(reply.returns) <= request.rows


def _raise_refusal(refused: Refused) -> None:
    match refused.code:
        case "stale_epoch":
            raise OwnershipLost(refused.message)
        case "unknown_action":
            raise BatchLost(f"the app does not serve the action: {refused.message}")
        case _:
            raise BatchRejected(f"{refused.code}: {refused.message}")


def _raise_death(dead: Dead, ran_alone: int) -> None:
    match dead.reason:
        case "delivery_limit":
            raise BatchPoisoned(ran_alone)
        case "rejected":
            raise BatchFailed("the app could not read the batch, or not answer it")
        case _:
            raise BatchLost(f"no app took the batch in time ({dead.reason})")
