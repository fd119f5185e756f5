"""Tell the owner of a task that it is asked to stop, without waiting for it to look.

The request stands in the task's document, which its owner reads every second. The hint only makes
it quicker; that it may get lost costs a second.
"""

from __future__ import annotations

import structlog

from kztasks.scheduler.owned import OwnedTasks
from tasks_bindings.bus import Bus, Delivery, Message, Subscription
from tasks_bindings.crash_points import reached
from tasks_bindings.errors import BusError
from tasks_bindings.wire import codec
from tasks_bindings.wire.keys import SCHEDULERS_STOP
from tasks_bindings.wire.messages import MessageType, Stop
from tasks_bindings.wire.topology import BINDINGS, Binding, Queue, QueueKind

_log = structlog.get_logger(__name__)


class StopHints:
    """Sends hints to all schedulers, and stops a task that runs here when one comes.

    Args:
        bus: the way to the other schedulers.
        owned: the tasks that run here.
    """

    def __init__(self, bus: Bus, owned: OwnedTasks) -> None:
        self._bus = bus
        self._owned = owned
        self._subscription: Subscription | None = None

    async def open(self) -> None:
        """Listen to hints."""
        queue = Queue(
            name="kztasks.stops",
            kind=QueueKind.PRIVATE,
            bindings=(Binding(BINDINGS.name, SCHEDULERS_STOP),),
            prefetch=20,
        )
        self._subscription = await self._bus.consume(queue, self._heard)

    async def close(self) -> None:
        """Listen no more."""
        if self._subscription is not None:
            await self._subscription.cancel()

    async def send(self, task_id: str) -> None:
        """Tell all schedulers."""
        message = Message(body=codec.encode(Stop(task_id=task_id)), type=MessageType.STOP)
        try:
            await self._bus.publish(BINDINGS.name, SCHEDULERS_STOP, message, mandatory=False)
        except BusError as error:
            _log.info("stop_hint_not_sent", task_id=task_id, why=str(error))

    async def _heard(self, delivery: Delivery) -> None:
        stop = codec.decode(delivery.message.body, Stop)
        reached("stop:heard")
        await self._owned.stop(stop.task_id, 0)
