from __future__ import annotations

import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whatever stands in this folder measures; it is deselected unless asked for."""
    for item in items:
        if "tests/bench/" in item.path.as_posix():
            item.add_marker(pytest.mark.bench)
            item.add_marker(pytest.mark.rabbitmq)
            item.add_marker(pytest.mark.store)
