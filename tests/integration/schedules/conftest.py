from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from kztasks.store.mongo import MongoStore
from tests.integration.schedules.kit import T0, Site
from tests.integration.triggers.kit import SetClock


@pytest.fixture
async def site(store: MongoStore) -> AsyncIterator[Site]:
    site = Site(store, SetClock(T0))
    yield site
    for node in site.nodes:
        if node.is_alive:
            node.loop.cancel()
            await asyncio.gather(node.loop, return_exceptions=True)
            await node.schedules.close(5)
