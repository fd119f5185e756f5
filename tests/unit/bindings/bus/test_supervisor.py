"""What keeps sessions with the broker alive."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import cast

import structlog

from tasks_bindings.bus.amqp.session import Session
from tasks_bindings.bus.amqp.supervisor import Supervisor

SOON_S = 3.0


class StubbornSession:
    """A session that the driver does not let go of until it may."""

    broker_version = "3"
    is_blocked = False
    was_blocked = False

    def __init__(self, may_close: asyncio.Event) -> None:
        self.lost: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.on_lost: Callable[[str], None] = lambda _reason: None
        self.is_closed = False
        self._may_close = may_close

    def lose(self) -> None:
        self.lost.set_result("reset")
        self.on_lost("reset")

    async def close(self) -> None:
        await self._may_close.wait()
        self.is_closed = True


async def test_the_next_session_does_not_wait_until_the_lost_one_is_closed() -> None:
    may_close, opened = asyncio.Event(), list[StubbornSession]()

    async def open_session() -> Session:
        opened.append(StubbornSession(may_close))
        return cast("Session", opened[-1])

    supervisor = Supervisor(
        open_session=open_session,
        on_lost=lambda _reason: None,
        log=structlog.get_logger(),
        open_timeout_s=1.0,
    )
    supervisor.start()
    await supervisor.wait_ready(SOON_S)
    opened[0].lose()
    await supervisor.wait_ready(SOON_S)
    assert (supervisor.sessions, opened[0].is_closed) == (2, False)

    closing = asyncio.create_task(supervisor.close())
    await asyncio.sleep(0)
    assert not closing.done()
    may_close.set()
    await closing
    assert all(session.is_closed for session in opened)
