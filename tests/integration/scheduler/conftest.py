"""An engine for each test, whose fixed intervals are a tenth of what they are in use."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from kztasks import patience
from kztasks.scheduler import (
    calls,
    commit,
    departures,
    exchange,
    rounds,
    rows,
    sending,
    service,
    source,
    watch,
)
from kztasks.store.mongo import MongoStore
from tasks_bindings import discovery
from tests.integration.scheduler.kit import Engine


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    for module, name, seconds in (
        (service, "OBSERVE_S", 0.1),
        (service, "REFRESH_S", 0.1),
        (service, "LOOK_S", 0.1),
        (rounds, "INTERVAL_S", 0.1),
        (watch, "LEAST_INTERVAL_S", 0.02),
        (exchange, "FIRST_BACKOFF_S", 0.02),
        (exchange, "MAX_BACKOFF_S", 0.5),
        (exchange, "ABSENCE_LOOK_S", 0.1),
        (commit, "FIRST_BACKOFF_S", 0.02),
        (source, "FIRST_BACKOFF_S", 0.02),
        (patience, "RETRY_S", 0.1),
        (sending, "STOP_PATIENCE_S", 0.5),
        (rows, "EMPTY_REPLY_PAUSE_S", 0.02),
        (departures, "PAUSE_LOOK_S", 0.1),
        (calls, "HOOK_PATIENCE_S", 1.0),
        (discovery, "EXPIRE_INTERVAL_S", 0.05),
    ):
        monkeypatch.setattr(module, name, seconds)
    defaults = discovery.Discovery.__init__.__kwdefaults__
    assert defaults is not None
    monkeypatch.setitem(defaults, "silence_limit_s", 1.0)


@pytest.fixture
async def engine(store: MongoStore, tmp_path: Path) -> AsyncIterator[Engine]:
    """Nothing runs yet; tasks have no pause between rows."""
    await store.set_run_time_settings({"wait_after_row_ms": 0})
    engine = Engine(store, tmp_path)
    yield engine
    await engine.close()
