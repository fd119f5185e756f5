"""Calls that come while one is on its way go together, and each is told of its own fate."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest
from pymongo.errors import (
    AutoReconnect,
    BulkWriteError,
    DuplicateKeyError,
    NetworkTimeout,
    WriteError,
)

from kztasks.store.mongo import together
from kztasks.store.mongo.together import Lane, Reads, Writes

Guard = dict[str, dict[str, Any]]
Document = dict[str, Any]


class Database:
    """Notes the commands, and holds each until it may go on."""

    def __init__(self, error: Exception | None = None, lane: Lane | None = None) -> None:
        self.commands: list[list[str]] = []
        self.go_on = asyncio.Event()
        self.error = error
        self.writes: Writes[str] = Writes(self.many, lane)

    async def one(self, what: str) -> None:
        self.commands.append([what])
        await self.go_on.wait()

    async def many(self, some: Sequence[str]) -> None:
        self.commands.append(list(some))
        if self.error is not None:
            raise self.error

    def write(self, what: str) -> asyncio.Task[None]:
        return asyncio.create_task(self.writes.write(what, partial(self.one, what)))

    async def ends(self, *names: str) -> list[object]:
        """What becomes of writes that come while the first one is on its way."""
        writes = [self.write(name) for name in names]
        await asyncio.sleep(0)
        self.go_on.set()
        return await asyncio.gather(*writes, return_exceptions=True)


async def test_what_comes_alone_is_written_at_once_by_itself() -> None:
    database = Database()
    assert await database.ends("a") == [None]
    assert await database.ends("b") == [None]
    assert database.commands == [["a"], ["b"]]


async def test_what_comes_while_one_is_on_its_way_goes_together() -> None:
    database = Database()
    assert await database.ends("a", "b", "c") == [None] * 3
    assert database.commands == [["a"], ["b", "c"]]


async def test_no_command_has_more_than_the_most(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(together, "MOST", 2)
    database = Database()
    await database.ends(*"abcd")
    assert database.commands == [["a"], ["b", "c"], ["d"]]


async def test_nobody_is_told_before_the_database_has_answered() -> None:
    database = Database()
    writes = [database.write(name) for name in "ab"]
    for _ in range(10):
        await asyncio.sleep(0)
    assert not any(write.done() for write in writes)
    database.go_on.set()
    await asyncio.gather(*writes)


async def test_each_is_told_of_its_own_error() -> None:
    wrong = [
        {"index": 0, "code": 11000, "errmsg": "UNIQUE"},
        {"index": 2, "code": 8, "errmsg": "database or disk is full"},
    ]
    database = Database(BulkWriteError({"writeErrors": wrong}))
    first, taken, stored, full = await database.ends("a", "b", "c", "d")
    assert (first, stored) == (None, None)
    assert isinstance(taken, DuplicateKeyError)
    assert isinstance(full, WriteError)
    assert "disk is full" in str(full)


@pytest.mark.parametrize(
    "error",
    [
        AutoReconnect("gone"),
        BulkWriteError({"writeErrors": [], "writeConcernErrors": [{"errmsg": "waiting"}]}),
        BulkWriteError({}),
    ],
)
async def test_where_the_database_vouches_for_nothing_nothing_is_stored(error: Exception) -> None:
    database = Database(error)
    assert await database.ends("a", "b", "c") == [None, error, error]


async def test_who_has_waited_for_a_server_that_hangs_does_not_wait_for_it_again() -> None:
    database = Database()
    hangs = NetworkTimeout("timed out")

    async def hang() -> None:
        await database.go_on.wait()
        raise hangs

    first = asyncio.create_task(database.writes.write("a", hang))
    await asyncio.sleep(0)
    assert await database.ends("b", "c") == [hangs, hangs]
    with pytest.raises(NetworkTimeout):
        await first
    assert database.commands == []
    assert await database.ends("d") == [None]


async def test_one_that_is_cancelled_before_it_is_sent_is_not_sent() -> None:
    database = Database()
    first, second, third = (database.write(name) for name in "abc")
    await asyncio.sleep(0)
    second.cancel()
    await asyncio.sleep(0)
    database.go_on.set()
    await asyncio.gather(first, third)
    assert database.commands == [["a"], ["c"]]


async def test_the_others_go_on_when_the_first_one_is_cancelled() -> None:
    database = Database()
    first, second = (database.write(name) for name in "ab")
    await asyncio.sleep(0)
    first.cancel()
    await second
    assert database.commands == [["a"], ["b"]]


async def test_calls_of_all_kinds_gather_behind_one_command(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(together, "PATIENCE_S", 60.0)
    lane = Lane()
    first, second = Database(lane=lane), Database(lane=lane)
    second.go_on.set()
    sent = [first.write("a"), *map(second.write, "bc")]
    for _ in range(10):
        await asyncio.sleep(0)
    assert (first.commands, second.commands) == ([["a"]], [])
    first.go_on.set()
    await asyncio.gather(*sent)
    assert second.commands == [["b", "c"]]


async def test_nobody_waits_long_for_a_command_of_another_kind(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(together, "PATIENCE_S", 0.001)
    lane = Lane()
    hanging, second = Database(lane=lane), Database(lane=lane)
    hung = hanging.write("a")
    await asyncio.sleep(0)
    await asyncio.gather(*map(second.write, "bc"))
    assert not hung.done()
    assert sorted(one for some in second.commands for one in some) == ["b", "c"]
    assert not lane.is_free
    hanging.go_on.set()
    await hung
    assert lane.is_free


async def test_nor_does_one_who_comes_just_when_the_way_is_handed_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(together, "PATIENCE_S", 0.001)
    lane, go_on = Lane(), asyncio.Event()

    async def hang() -> None:
        async with lane.taken():
            await go_on.wait()

    async with lane.taken():
        hanging = asyncio.create_task(hang())
        await asyncio.sleep(0)
    assert lane.is_free  # the one who waits has not run yet
    async with asyncio.timeout(5), lane.taken():
        assert not hanging.done()
    go_on.set()
    await hanging


class Slow:
    """A collection of the driver whose answers wait until they may come."""

    def __init__(self, *documents: str) -> None:
        self.documents = {name: {"_id": name, "version": 1} for name in documents}
        self.commands: list[list[str]] = []
        self.go_on = asyncio.Event()

    async def find_one(self, guard: Guard) -> Document | None:
        self.commands.append([guard["_id"]["$eq"]])
        found = await self._found(self.commands[-1])
        return found[0] if found else None

    def find(self, guard: Guard) -> SimpleNamespace:
        self.commands.append(sorted(guard["_id"]["$in"]))
        return SimpleNamespace(to_list=lambda _: self._found(guard["_id"]["$in"]))

    async def _found(self, ids: Sequence[str]) -> list[Document]:
        found = [dict(self.documents[one]) for one in ids if one in self.documents]
        await self.go_on.wait()
        return found


async def test_documents_that_are_asked_for_at_the_same_time_are_read_together() -> None:
    slow = Slow("a", "b", "c")
    reads: Reads[Any] = Reads(slow)  # type: ignore[arg-type]  # the part of it that is used
    asked = [asyncio.create_task(reads.read(name)) for name in ("a", "b", "none", "c", "b")]
    await asyncio.sleep(0)
    slow.go_on.set()
    found = [one and one["_id"] for one in await asyncio.gather(*asked)]
    assert found == ["a", "b", None, "c", "b"]
    assert slow.commands == [["a"], ["b", "c", "none"]]


async def test_nobody_is_given_what_was_read_before_he_asked() -> None:
    slow = Slow("a")
    reads: Reads[Any] = Reads(slow)  # type: ignore[arg-type]  # the part of it that is used
    before = asyncio.create_task(reads.read("a"))
    await asyncio.sleep(0)
    slow.documents["a"]["version"] = 2
    after = asyncio.create_task(reads.read("a"))
    await asyncio.sleep(0)
    slow.go_on.set()
    versions = [one and one["version"] for one in await asyncio.gather(before, after)]
    assert versions == [1, 2]
