"""What all tests share: a clean environment, and fixtures by topic from `tests/fixtures`."""

from __future__ import annotations

import os

from tests.fixtures import servers

__all__ = ["servers"]  # imported first, as it reads what is removed here

pytest_plugins = ["tests.fixtures.rabbitmq"]

for name in [name for name in os.environ if name.startswith("KZTASKS_")]:  # noqa: TID251  (removal)
    del os.environ[name]  # noqa: TID251  (removal)
