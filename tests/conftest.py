"""Fixtures for all tests, and an environment without the settings of whoever runs them."""

from __future__ import annotations

import os

pytest_plugins = [
    "tests.fixtures.store",
]

for _name in [name for name in os.environ if name.startswith("KZTASKS_")]:  # noqa: TID251
    if not _name.startswith("KZTASKS_TEST_"):
        del os.environ[_name]  # noqa: TID251 - settings would read it
