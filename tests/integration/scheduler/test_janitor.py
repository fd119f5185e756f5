"""A scheduler process makes the janitor's rounds."""

from __future__ import annotations

import pytest

from tests.integration.scheduler.kit import Engine, eventually

pytestmark = pytest.mark.store


async def test_a_scheduler_makes_rounds_while_it_runs(engine: Engine) -> None:
    one = await engine.scheduler(janitor_interval_s=0.2)
    await eventually(lambda: one.scheduler.janitor.rounds >= 2)
