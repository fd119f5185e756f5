"""What the processes export, found out once."""

from __future__ import annotations

import asyncio

import pytest

from tests.unit.deploy.exported import Exported, all_exported


@pytest.fixture(scope="session")
def exported() -> dict[str, Exported]:
    """By the kind of process."""
    return asyncio.run(all_exported())
