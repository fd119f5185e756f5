"""Run the app's actions on a table of this test's own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pymongo import MongoClient

from apps.number_management import app
from tasks_bindings.testing import Ran, run_action
from tests.unit.apps.number_management.samples import MASTER, OWNER

Run = Callable[..., Ran]


@pytest.fixture
def environment(store_url: str, database_name: str) -> Iterator[dict[str, str]]:
    yield {
        "NUMBERS_MONGO_URL": store_url,
        "NUMBERS_MONGO_DATABASE": database_name,
        "NUMBERS_MASTER_ACCOUNT": MASTER,
    }
    with MongoClient[dict[str, Any]](store_url) as client:
        client.drop_database(database_name)


@pytest.fixture
def run(environment: dict[str, str]) -> Run:
    """Run an action on the table: `run("import", csv, auth_account_id=...)`."""
    tasks = iter(range(1_000_000))

    def run(action: str, csv: str | None = None, **told: Any) -> Ran:
        settings = {
            "account_id": OWNER,
            "task_id": f"{next(tasks):030x}",
            "environment": environment,
            **told,
        }
        return run_action(app, "number_management", action, csv, **settings)

    return run
