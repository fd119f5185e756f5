"""Accounts and tokens, heartbeats of nodes, and settings that change while the service runs."""

from __future__ import annotations

import asyncio
import hashlib

import pytest

from kztasks.errors import Conflict, Invalid
from kztasks.store.interface import Account, Node
from kztasks.store.mongo import MongoStore

pytestmark = pytest.mark.store

ROOT = Account(account_id="a" * 32, name="Root", superduper_admin=True)
CHILD = Account(account_id="b" * 32, name="Kind “é”", tree=("a" * 32,), enabled=False)


async def test_accounts_are_read_back_as_they_were_oldest_first(store: MongoStore) -> None:
    assert await store.accounts.all() == []
    await store.accounts.add(CHILD)
    await store.accounts.add(ROOT)
    await store.accounts.add(Account(account_id=CHILD.account_id, name="again"))
    assert await store.accounts.get(CHILD.account_id) == CHILD
    assert await store.accounts.get("c" * 32) is None
    assert {account.account_id for account in await store.accounts.all()} == {
        ROOT.account_id,
        CHILD.account_id,
    }
    created = store._database["accounts"].update_one
    await created({"_id": ROOT.account_id}, {"$set": {"created": 1}})
    await created({"_id": CHILD.account_id}, {"$set": {"created": 2}})
    assert await store.accounts.all() == [ROOT, CHILD]


async def test_a_token_acts_for_its_account_alone(store: MongoStore) -> None:
    await store.accounts.add(ROOT)
    await store.accounts.add(CHILD)
    await store.accounts.add_token("root's", ROOT.account_id)
    await store.accounts.add_token("root's too", ROOT.account_id)
    await store.accounts.add_token("child's", CHILD.account_id)
    await store.accounts.add_token("child's", CHILD.account_id)
    await store.accounts.add_token("nobody's", "c" * 32)
    assert await store.accounts.by_token("root's") == ROOT
    assert await store.accounts.by_token("root's too") == ROOT
    assert await store.accounts.by_token("child's") == CHILD
    for token in ("unknown", "", "nobody's"):
        assert await store.accounts.by_token(token) is None


async def test_a_token_cannot_be_moved_to_another_account(store: MongoStore) -> None:
    await store.accounts.add(ROOT)
    await store.accounts.add_token("t", ROOT.account_id)
    with pytest.raises(Conflict):
        await store.accounts.add_token("t", CHILD.account_id)
    assert await store.accounts.by_token("t") == ROOT


async def test_the_database_never_holds_a_token_in_clear(store: MongoStore) -> None:
    token = "s3cret-" + "x" * 30
    await store.accounts.add(ROOT)
    await store.accounts.add_token(token, ROOT.account_id)
    await store.accounts.by_token(token)
    documents = [
        document
        for name in await store._database.list_collection_names()
        async for document in store._database[name].find({})
    ]
    assert token not in repr(documents)
    assert hashlib.sha256(token.encode()).hexdigest() in repr(documents)
    hashed = hashlib.sha256(token.encode()).hexdigest()
    assert await store.accounts.by_token(hashed) is None


async def test_a_node_is_alive_until_somebody_removes_it(store: MongoStore) -> None:
    assert not await store.nodes.beat("n1")
    await store.nodes.register("n1", "host-1")
    await store.nodes.register("n2", "host-2")
    for _ in range(3):
        assert await store.nodes.beat("n1")
    await store.nodes.register("n1", "host-1")
    nodes = await store.nodes.all()
    assert sorted(nodes, key=lambda node: node.node_id) == [
        Node("n1", "host-1", 3),
        Node("n2", "host-2", 0),
    ]
    assert await store.nodes.remove("n1")
    assert not await store.nodes.beat("n1")
    assert not await store.nodes.remove("n1")
    assert await store.nodes.all() == [Node("n2", "host-2", 0)]


async def test_one_of_many_observers_removes_a_dead_node(store: MongoStore) -> None:
    await store.nodes.register("dead", "host")
    removed = await asyncio.gather(*(store.nodes.remove("dead") for _ in range(20)))
    assert removed.count(True) == 1


async def test_settings_merge(store: MongoStore) -> None:
    assert await store.run_time_settings() == {}
    await store.set_run_time_settings({"wait_after_row_ms": 500, "send_progress": True})
    await store.set_run_time_settings({"wait_after_row_ms": 0, "rate": 1.5})
    await store.set_run_time_settings({})
    assert await store.run_time_settings() == {
        "wait_after_row_ms": 0,
        "send_progress": True,
        "rate": 1.5,
    }


@pytest.mark.parametrize("name", ["", "_id", "a.b", "$set", "a\0b"])
async def test_a_settings_name_cannot_reach_into_the_document(store: MongoStore, name: str) -> None:
    with pytest.raises(Invalid):
        await store.set_run_time_settings({name: 1})
    assert await store.run_time_settings() == {}
