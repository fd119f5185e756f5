"""Databases of a test's own, as the app and as an operator see them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.database import Database

from apps.housekeeping import app
from tasks_bindings import Trigger
from tasks_bindings.testing import Fired, fire_trigger

Documents = Database[dict[str, Any]]


@dataclass
class House:
    """A database, and the app on it."""

    database: Documents
    settings: dict[str, str]

    def fire(self, trigger: Trigger, database: str | None = None, **settings: str) -> list[Fired]:
        """Fire a trigger in a process that is told these settings too."""
        return fire_trigger(app, trigger, database, environment=self.settings | settings)

    def clean(self, **settings: str) -> None:
        """Have this database cleaned."""
        (fired,) = self.fire(Trigger.OTHER, self.database.name, **settings)
        assert fired.crash is None

    def warn(self, **settings: str) -> dict[str, dict[str, Any]]:
        """Have accounts warned; all warnings that there are then."""
        (fired,) = self.fire(Trigger.DAY, **settings)
        assert fired.crash is None
        return {one["_id"]: one for one in self.database["low_balance_warnings"].find()}

    def put_account(self, account_id: str, **fields: Any) -> None:
        """Have an account's document say this."""
        accounts = self.database["accounts"]
        accounts.replace_one({"_id": account_id}, {"_id": account_id, **fields}, upsert=True)


Clock = Callable[[int], None]


@pytest.fixture
def house(store_url: str, database_name: str) -> Iterator[House]:
    with MongoClient[dict[str, Any]](store_url) as client:
        settings = {
            "KZTASKS_MONGO_URL": store_url,
            "HOUSEKEEPING_PAUSE_MS": "0",
            "HOUSEKEEPING_ACCOUNTS_DATABASE": database_name,
        }
        yield House(client[database_name], settings)
        client.drop_database(database_name)
