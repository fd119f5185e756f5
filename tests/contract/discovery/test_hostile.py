"""What strangers say under the apps' keys is logged and counted, and changes nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from structlog.testing import capture_logs

from tasks_bindings.bus import Message
from tasks_bindings.wire.topology import BINDINGS
from tests.contract.bus.conftest import Transport
from tests.contract.discovery.kit import PATIENCE_S, Site, an_app, within

HOSTILE = [
    b"",
    b"\xff\x00 not JSON {",
    b"[" * 50_000,
    b'{"v":1,"app":' + b'{"a":' * 5_000 + b"1" + b"}" * 5_001,
    b'{"v":1,"app":{"name":7,"instance":null,"version":[]},"digest":"d"}',
    b'{"v":1}',
    b"[]",
    b'{"v":1,"digest":"' + b"x" * (5 * 1024 * 1024) + b'"}',
]


@pytest.fixture
async def site(transport: Transport) -> AsyncIterator[Site]:
    site = Site(transport)
    yield site
    await site.close()


async def test_hostile_signs_of_life_are_counted_and_no_app_is_lost_to_them(site: Site) -> None:
    scheduler = await site.scheduler()
    await site.run(an_app("first"))
    await within(PATIENCE_S, lambda: scheduler.serving() == {"first"})
    sent = 0
    with capture_logs() as logs:
        for key in ("apps.beat", "apps.down"):
            for kind in (key.removeprefix("apps."), "of nobody", ""):
                for body in HOSTILE:
                    await scheduler.bus.publish(BINDINGS.name, key, Message(body=body, type=kind))
                    sent += 1
        await within(PATIENCE_S, lambda: scheduler.discovery.dropped == sent)

    assert sum(one["event"] == "beat_dropped" for one in logs) == sent
    assert scheduler.serving() == {"first"}
    assert scheduler.bus.health.sessions == 1
