"""A cluster in one process: a broker, apps on it, and those who ask them."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.unit.bindings.cluster import Cluster


@pytest.fixture
async def cluster() -> AsyncIterator[Cluster]:
    """An empty one; whatever a test starts in it ends with the test."""
    cluster = Cluster()
    await cluster.start()
    yield cluster
    await cluster.close()
