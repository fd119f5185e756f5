"""Each part that a scheduler needs is named to probes, with what is wrong with it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

import pytest

from kztasks.errors import StoreFull, StoreUnavailable
from kztasks.scheduler import health as health_module
from kztasks.scheduler.health import SchedulerHealth
from kztasks.scheduler.room import Room
from tasks_bindings.bus import Health, SessionState


@dataclass
class Parts:
    """A bus, a store and a heartbeat that are as they are told to be."""

    is_ready: bool = True
    blocked: bool = False
    last_error: str | None = None
    node_id: str = "n"
    is_fenced: bool = False
    trouble: str | None = None
    ping_raises: Exception | None = None
    ping_hangs: bool = False
    pings: int = 0
    dead: list[str] = field(default_factory=list)
    is_leaving: bool = False
    room: Room = field(default_factory=Room)

    @property
    def health(self) -> Health:
        return Health(
            state=SessionState.READY, last_error=self.last_error, blocked=self.blocked,
            sessions=1, late_replies=0,
        )  # fmt: skip

    async def ping(self) -> None:
        self.pings += 1
        if self.ping_hangs:
            await asyncio.Event().wait()
        if self.ping_raises is not None:
            raise self.ping_raises

    def checked(self) -> SchedulerHealth:
        anything: Any = self
        return SchedulerHealth(
            anything, anything, anything, self.room,
            dead_parts=lambda: self.dead, is_leaving=lambda: self.is_leaving,
        )  # fmt: skip


async def test_a_scheduler_that_has_all_it_needs_is_ok() -> None:
    checks = await Parts().checked().checks()
    assert checks == dict.fromkeys(("broker", "store", "node", "loop"), "ok")


@pytest.mark.parametrize(
    ("changes", "part", "says"),
    [
        ({"is_ready": False, "last_error": "refused"}, "broker", "no session: refused"),
        ({"is_ready": False}, "broker", "no session: not connected yet"),
        ({"blocked": True}, "broker", "blocked: the broker takes no messages now"),
        ({"blocked": True, "is_ready": False}, "broker", "blocked"),
        ({"ping_raises": StoreUnavailable("gone")}, "store", "store_unavailable: gone"),
        ({"ping_hangs": True}, "store", "store_unavailable: no answer within"),
        ({"trouble": "store_full: no room"}, "store", "store_full: no room"),
        ({"node_id": ""}, "node", "not registered yet"),
        ({"is_fenced": True}, "node", "fenced: "),
        ({"is_leaving": True}, "node", "leaving: "),
        ({"dead": ["observe"]}, "loop", "ended by a defect: observe"),
    ],
)
async def test_what_is_wrong_stands_under_its_part_and_the_others_are_ok(
    monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any], part: str, says: str
) -> None:
    monkeypatch.setattr(health_module, "PING_S", 0.05)
    checks = dict(await Parts(**changes).checked().checks())
    assert checks.pop(part).startswith(says)
    assert set(checks.values()) == {"ok"}


async def test_a_record_that_finds_no_room_is_the_stores_trouble() -> None:
    parts = Parts()
    parts.room.refused(parts, StoreFull("the database has no room"))
    checks = await parts.checked().checks()
    assert checks["store"].startswith("store_full: the database has no room; no task is taken")


async def test_the_store_is_not_asked_for_each_probe() -> None:
    parts = Parts()
    checked = parts.checked()
    await asyncio.gather(*(checked.checks() for _ in range(50)))
    assert parts.pings == 1
