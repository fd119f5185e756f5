"""Preparing a database: idempotent, and refused where uniqueness cannot be had."""

from __future__ import annotations

from typing import Any

import pytest

from kztasks.errors import Misconfigured
from kztasks.store.interface import Store
from kztasks.store.mongo import MongoStore
from kztasks.store.mongo.indexes import INDEXES, ensure_indexes
from tests.contract.store.samples import a_record

pytestmark = pytest.mark.store


async def test_preparing_twice_changes_nothing(store: MongoStore) -> None:
    prepared: Store = store
    await store.log.append(a_record("t", 1))
    before = {name: await store._database[name].index_information() for name in ("tasks", "log")}
    await prepared.prepare()
    after = {name: await store._database[name].index_information() for name in ("tasks", "log")}
    assert before == after
    assert await store.log.head("t") == a_record("t", 1)


async def test_every_index_is_there(store: MongoStore) -> None:
    for index in INDEXES:
        if index.collection.startswith("attachments."):
            continue  # the embedded server has these by itself and does not list them
        found = await store._database[index.collection].index_information()
        fields = [field for field, _ in index.keys]
        kinds = [
            bool(there.get("unique"))
            for there in found.values()
            if [field for field, _ in there["key"]] == fields
        ]
        assert kinds == [index.unique]


async def test_a_log_that_holds_a_seq_twice_is_refused(store: MongoStore) -> None:
    await store._database.drop_collection("log")
    for name in ("one", "two"):
        await store._database["log"].insert_one({"_id": name, "t": "t", "seq": 1})
    with pytest.raises(Misconfigured):
        await store.prepare()


async def test_a_server_that_only_says_that_it_made_the_index_is_refused(store: MongoStore) -> None:
    class Claims:
        def __getitem__(self, _: str) -> Claims:
            return self

        async def create_index(self, *_: Any, **__: Any) -> str:
            return "made"

        async def index_information(self) -> dict[str, Any]:
            return {"_id_": {"key": [("_id", 1)]}, "task_seq": {"key": [("t", 1), ("seq", 1)]}}

    claims: Any = Claims()
    with pytest.raises(Misconfigured, match="unique"):
        await ensure_indexes(claims)


def test_an_address_that_makes_no_sense_is_a_mistake_in_the_settings() -> None:
    for url in ("", "http://127.0.0.1/", "mongodb://127.0.0.1:99999/", "mongodb://u:p/w@host/"):
        with pytest.raises(Misconfigured):
            MongoStore(url)
    with pytest.raises(Misconfigured):
        MongoStore("mongodb://127.0.0.1/", "a.b")
