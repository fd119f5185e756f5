"""Keeps one session alive: opens it, waits until it is lost, opens the next."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import Final

import structlog

from tasks_bindings.bus.amqp.faults import BrokerBlocks, sentence_of
from tasks_bindings.bus.amqp.session import Session
from tasks_bindings.bus.interface import SessionState
from tasks_bindings.errors import BusError, BusUnavailable

BACKOFF_FIRST_S: Final = 0.3
BACKOFF_LIMIT_S: Final = 2.0
"""A broker that was away for long is found within this, and the time that a session takes."""
BACKOFF_FACTOR: Final = 1.6


class Supervisor:
    """Owns the present session of a bus.

    Args:
        open_session: builds a session, whole, or raises.
        on_lost: told the reason as soon as a session is lost.
        log: has the bus's name and the broker's address bound to it.
        open_timeout_s: seconds for building a session.
    """

    def __init__(
        self,
        *,
        open_session: Callable[[], Awaitable[Session]],
        on_lost: Callable[[str], None],
        log: structlog.stdlib.BoundLogger,
        open_timeout_s: float,
    ) -> None:
        self.session: Session | None = None
        self.sessions = 0
        self.last_error: str | None = None
        self._is_blocked = False
        self._open_session = open_session
        self._on_lost = on_lost
        self._log = log
        self._open_timeout_s = open_timeout_s
        self._ready = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._endings: set[asyncio.Task[None]] = set()
        self._is_closing = False

    @property
    def state(self) -> SessionState:
        """How far the way to the broker is."""
        if self._task is None or self._task.done():
            return SessionState.CLOSED
        return SessionState.CONNECTING if self.session is None else SessionState.READY

    @property
    def is_blocked(self) -> bool:
        """Whether the broker takes no messages for now."""
        return self._is_blocked if self.session is None else self.session.is_blocked

    def start(self) -> None:
        """Begin to keep a session; does nothing when that was done already."""
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._run())

    async def close(self) -> None:
        """End the present session in good order and open no other."""
        self._is_closing = True
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})
        if self._endings:
            await asyncio.wait(self._endings)
        session = self.session
        if session is not None:
            self._release("the bus was closed")
            await session.close()

    async def wait_ready(self, timeout: float) -> None:
        """Wait for a session; see `Bus.wait_ready`."""
        try:
            async with asyncio.timeout(timeout):
                await self._ready.wait()
        except TimeoutError:
            why = self.last_error or "nothing has failed yet"
            raise BusUnavailable(f"no session with the broker in {timeout:g} s: {why}") from None

    async def _run(self) -> None:
        delay_s = BACKOFF_FIRST_S
        while True:
            session = await self._try_to_open()
            if self._is_closing:  # the driver has swallowed the cancellation
                if session is not None:
                    await session.close()
                return
            if session is None:
                delay_s = min(delay_s * BACKOFF_FACTOR, BACKOFF_LIMIT_S)
            else:
                delay_s = BACKOFF_FIRST_S
                await self._live(session)
            await asyncio.sleep(_jittered(delay_s))

    async def _try_to_open(self) -> Session | None:
        try:
            async with asyncio.timeout(self._open_timeout_s):
                return await self._open_session()
        except TimeoutError:
            error: BusError = BusUnavailable(f"not opened within {self._open_timeout_s:g} s")
        except BusError as failure:
            error = failure
        except Exception as failure:  # noqa: BLE001  (logged; without this loop there is no bus)
            self._log.exception("bus_session_bug")
            error = BusUnavailable(sentence_of(failure))
        self._is_blocked = isinstance(error, BrokerBlocks)
        self.last_error = str(error)
        self._log.warning("bus_session_not_opened", error=self.last_error)
        return None

    async def _live(self, session: Session) -> None:
        self.session = session
        session.on_lost = self._release
        self.sessions += 1
        self._is_blocked = False
        self._ready.set()
        self._log.info(
            "bus_session_ready", broker_version=session.broker_version, sessions=self.sessions
        )
        # Shielded, as it is the session that decides when it is lost, not who waits for that.
        reason = await asyncio.shield(session.lost)
        self._log.warning("bus_session_lost", reason=reason)
        # The driver may take seconds to let go of it, and the next one has nothing to do with it.
        ending = asyncio.create_task(session.close())
        self._endings.add(ending)
        ending.add_done_callback(self._endings.discard)

    def _release(self, reason: str) -> None:
        self._is_blocked = self.session is not None and self.session.was_blocked
        self.session = None
        self.last_error = reason
        self._ready.clear()
        self._on_lost(reason)


def _jittered(delay_s: float) -> float:
    """A delay near `delay_s` or shorter, so that a cluster does not come back in one step."""
    return max(BACKOFF_FIRST_S, delay_s * random.uniform(0.5, 1.0))  # noqa: S311  (no secret)
