"""One running instance of an app on a bus: takes requests, answers, says that it is alive."""

from __future__ import annotations

import asyncio
import hashlib
import time
from contextlib import suppress
from typing import Final
from uuid import uuid4

import structlog

from tasks_bindings.bus.interface import Bus, Delivery, Message, Subscription
from tasks_bindings.crash_points import reached
from tasks_bindings.directory import BEAT_INTERVAL_S
from tasks_bindings.errors import BusError, WireError
from tasks_bindings.invoke import invoke
from tasks_bindings.sdk.app import App, Environment, Lifecycle
from tasks_bindings.sdk.claims import RefusedClaims
from tasks_bindings.sdk.dispatch import Dispatcher, SendProgress
from tasks_bindings.sdk.files import AppFiles, BadFile
from tasks_bindings.sdk.overdue import STUCK_GRACE_S, Overdue
from tasks_bindings.sdk.refusal import RequestRefused
from tasks_bindings.sdk.replier import Replier
from tasks_bindings.wire import codec
from tasks_bindings.wire.claims import Claims
from tasks_bindings.wire.files import FileRequest, FileStored
from tasks_bindings.wire.keys import (
    APPS_BEAT,
    APPS_CANCEL,
    APPS_DOWN,
    HELP_PATTERNS,
    instance_key,
    parse_help_key,
)
from tasks_bindings.wire.messages import (
    AppIdentity,
    Batch,
    Beat,
    Call,
    Cancel,
    Down,
    HelpReply,
    MessageType,
    Progress,
    Refused,
    WireMessage,
)
from tasks_bindings.wire.topology import (
    BINDINGS,
    Binding,
    Queue,
    QueueKind,
    app_queue,
)
from tasks_bindings.wire.verification import Verify

_log = structlog.get_logger(__name__)

DRAIN_S: Final = 25.0
"""How long a leaving instance lets its batches run; the rest is delivered to another."""


class AppRunner:
    """Runs an app until it is closed.

    Args:
        app: what to run.
        bus: the way to the broker; the runner neither starts nor closes it.
        environment: given to the app's start and stop hooks.
        beat_interval_s: seconds between two signs of life.
        stuck_grace_s: seconds that a handler may still take after its row's time-out.
    """

    def __init__(
        self,
        app: App,
        bus: Bus,
        environment: Environment,
        *,
        beat_interval_s: float = BEAT_INTERVAL_S,
        stuck_grace_s: float = STUCK_GRACE_S,
    ) -> None:
        self._app = app
        self._bus = bus
        self._environment = environment
        self._beat_interval_s = beat_interval_s
        self.identity: Final = AppIdentity(name=app.name, instance=uuid4().hex, version=app.version)
        self._dispatcher = Dispatcher(app, self.identity, stuck_grace_s=stuck_grace_s)
        self._files = AppFiles(app.files)
        self._replier = Replier(bus)
        self._announcement = self._announce()
        self._served_since = time.monotonic()
        self._refused = RefusedClaims(app.name)
        self._is_serving = False
        self._work: Subscription | None = None
        self._control: Subscription | None = None
        self._beats: asyncio.Task[None] | None = None
        self._watch: asyncio.Task[None] | None = None

    @property
    def stuck(self) -> Overdue:
        """Handlers that do not return."""
        return self._dispatcher.overdue

    @property
    def not_ready(self) -> list[str]:
        """Why it is not ready for rows of everything that it serves; empty when it is."""
        why = [] if self._is_serving else ["it has not started, or is leaving"]
        if not self._bus.is_ready:
            why.append("no session with the broker")
        return why + self.stuck.stuck + self._refused.sentences(time.monotonic())

    async def start(self) -> None:
        """Run the start hooks, bind the queues and announce the app."""
        await self._run_hooks(self._app.start_hooks)
        patterns = (*HELP_PATTERNS, APPS_CANCEL, instance_key(self.identity.instance))
        control = Queue(
            name=f"kztasks.instance.{self._app.name}",
            kind=QueueKind.PRIVATE,
            bindings=tuple(Binding(BINDINGS.name, pattern) for pattern in patterns),
            prefetch=20,
        )
        keys = self._announcement.bindings
        work = app_queue(self._app.name, keys, prefetch=self._app.concurrency)
        self._control = await self._bus.consume(control, self._on_control)
        self._work = await self._bus.consume(work, self._on_work)
        self._beats = asyncio.create_task(self._beat_for_ever())
        self._watch = asyncio.create_task(self.stuck.watch())
        self._is_serving = True
        _log.info("app_started", app=self._app.name, instance=self.identity.instance, keys=keys)

    async def close(self, *, drain_s: float = DRAIN_S) -> bool:
        """Take no new work, say goodbye, let running batches end; whether all of them did."""
        self._is_serving = False
        if self._work is not None:
            await self._work.cancel()
        if self._beats is not None:
            self._beats.cancel()
            await asyncio.gather(self._beats, return_exceptions=True)
        reached("app:leaving")
        with suppress(BusError):  # without a broker nobody is there to be told
            await self._broadcast(APPS_DOWN, MessageType.DOWN, Down(app=self.identity))
        drained = True
        if self._work is not None:
            deadline = time.monotonic() + drain_s
            drained = await self.stuck.drain(self._work, drain_s)
            drained &= await self._dispatcher.close(max(0.0, deadline - time.monotonic()))
        reached("app:drained")
        if self._watch is not None:
            self._watch.cancel()
        if self._control is not None:
            await self._control.cancel()
        await self._run_hooks(self._app.stop_hooks)
        _log.info("app_stopped", app=self._app.name, drained=drained)
        return drained

    def _announce(self) -> HelpReply:
        bindings = self._app.responders().keys
        served = self._app.help()
        plain = {
            category: {name: metadata.model_dump_json() for name, metadata in actions.items()}
            for category, actions in served.items()
        }
        triggers = {key: tuple(named) for key, named in self._app.trigger_handlers().items()}
        headers = self._app.headers()
        said = repr((plain, bindings, triggers, headers))
        digest = hashlib.sha256(said.encode()).hexdigest()[:32]
        return HelpReply(
            app=self.identity,
            help=served,
            bindings=bindings,
            digest=digest,
            triggers=triggers,
            headers=headers,
            verifies=True,
            concurrency=self._app.concurrency,
        )

    async def _beat_for_ever(self) -> None:
        beat = Beat(app=self.identity, digest=self._announcement.digest)
        while True:
            try:
                await self._broadcast(APPS_BEAT, MessageType.BEAT, beat)
            except BusError as error:
                _log.debug("beat_not_sent", error=str(error))
                with suppress(BusError):  # tried again at once when the session is back
                    await self._bus.wait_ready(self._beat_interval_s)
                    continue
            await asyncio.sleep(self._beat_interval_s)

    async def _on_control(self, delivery: Delivery) -> None:
        try:
            await self._control_by(delivery)
        except WireError as error:  # of a later version, or no message at all; nobody waits for it
            _log.warning(
                "control_message_dropped",
                type=delivery.message.type,
                code=error.code,
                why=str(error),
            )

    async def _control_by(self, delivery: Delivery) -> None:
        message = delivery.message
        match message.type:
            case MessageType.HELP:
                await self._answer_help(delivery)
            case MessageType.CANCEL:
                self._dispatcher.cancel(codec.decode(message.body, Cancel))
                reached("app:cancelled")
            case MessageType.CLAIMS:
                self._refused.heard(codec.decode(message.body, Claims), time.monotonic())
            case MessageType.FILE_REQUEST:
                await self._send_part(delivery)
            case MessageType.BATCH:  # had from here already, before the broker was away
                await self._on_work(delivery)
            case MessageType.FILE_STORED:
                await self._files.drop(codec.decode(message.body, FileStored).path)
            case other:
                raise WireError(f"message of type {other!r} on an instance's queue")

    async def _answer_help(self, delivery: Delivery) -> None:
        question = parse_help_key(delivery.routing_key)
        up_ms = int((time.monotonic() - self._served_since) * 1000)
        reply = self._announcement.model_copy(update={"up_ms": up_ms})
        if question is not None and question.category is not None:
            narrowed = {
                category: {
                    name: metadata
                    for name, metadata in actions.items()
                    if question.action in (None, name)
                }
                for category, actions in reply.help.items()
                if category == question.category
            }
            if not any(narrowed.values()):
                return  # another app's category; whoever serves it answers
            reply = reply.model_copy(update={"help": narrowed})
        await self._replier.send(delivery, MessageType.HELP_REPLY, codec.encode(reply))

    async def _send_part(self, delivery: Delivery) -> None:
        try:
            part = await self._files.part(codec.decode(delivery.message.body, FileRequest))
        except BadFile as error:
            _log.error("bad_file", why=str(error))
            refusal = Refused(code=error.code, message=str(error))
            await self._replier.send(delivery, MessageType.REFUSED, codec.encode(refusal))
        else:
            await self._replier.send(delivery, MessageType.FILE_PART, codec.encode(part))

    async def _on_work(self, delivery: Delivery) -> None:
        message = delivery.message
        redelivered = delivery.redelivered or delivery.deliveries > 0
        try:
            match message.type:
                case MessageType.BATCH:
                    batch = codec.decode(message.body, Batch)
                    reached("app:batch_taken")
                    async with self._dispatcher.turn(batch, self._progress_to(delivery)):
                        reached("app:turn_taken")
                        body = await self._dispatcher.batch(batch, redelivered=redelivered)
                        reached("app:batch_run")
                        await self._replier.send(delivery, MessageType.BATCH_REPLY, body)
                        reached("app:batch_replied")
                case MessageType.CALL:
                    call = codec.decode(message.body, Call)
                    reached("app:call_taken")
                    body = await self._dispatcher.call(call, redelivered=redelivered)
                    reached("app:called")
                    await self._replier.send(delivery, MessageType.CALL_REPLY, body)
                    reached("app:call_replied")
                case MessageType.VERIFY:
                    request = codec.decode(message.body, Verify)
                    body = await self._dispatcher.verify(request, redelivered=redelivered)
                    await self._replier.once(delivery, MessageType.VERIFY_REPLY, body)
                case other:
                    raise WireError(f"message of type {other!r} on an app's queue")
        except RequestRefused as refused:
            _log.warning("request_refused", type=message.type, why=str(refused))
            await self._replier.send(delivery, MessageType.REFUSED, codec.encode(refused.refusal))

    def _progress_to(self, delivery: Delivery) -> SendProgress:
        async def send(progress: Progress) -> None:
            body = codec.encode(progress)
            if not await self._replier.once(delivery, MessageType.PROGRESS, body):
                raise RequestRefused("requester_gone", "nobody waits for this batch any more")

        return send

    async def _broadcast(self, key: str, kind: MessageType, message: WireMessage) -> None:
        outgoing = Message(body=codec.encode(message), type=kind)
        await self._bus.publish(BINDINGS.name, key, outgoing, mandatory=False)

    async def _run_hooks(self, hooks: list[Lifecycle]) -> None:
        for hook in hooks:
            await invoke(hook, self._environment)
