"""What all tests share: a clean environment, and the fixtures of every module in `fixtures`."""

from __future__ import annotations

import os
from pathlib import Path

from hypothesis import settings

from tests.servers import required

__all__ = ["required"]  # imported first, as it reads what is removed here

pytest_plugins = [
    f"tests.fixtures.{module.stem}"
    for module in sorted(Path(__file__).with_name("fixtures").glob("*.py"))
]

for name in list(os.environ):  # noqa: TID251  (settings of whoever runs the tests are removed)
    if name.startswith("KZTASKS_") and not name.startswith("KZTASKS_TEST_"):
        del os.environ[name]  # noqa: TID251  (as above)

settings.register_profile("kztasks", deadline=None)  # how long an example takes is no promise
settings.load_profile("kztasks")
