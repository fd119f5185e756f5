from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from kztasks.store.mongo import MongoStore
from tests.integration.triggers.kit import SetClock, Site, at


@pytest.fixture
async def site(store: MongoStore) -> AsyncIterator[Site]:
    """Nothing runs yet; it is a minute before the end of a month."""
    site = Site(store, SetClock(at("2026-10-31T23:54:30")))
    yield site
    await site.close()
