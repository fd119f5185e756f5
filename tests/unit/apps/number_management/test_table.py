"""The table under rivals, lost answers and a database that is away."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator

import pytest
from pymongo.errors import AutoReconnect

from apps.number_management.desk import Desk
from apps.number_management.documents import Stored
from apps.number_management.errors import Misconfigured, TableUnavailable
from apps.number_management.number import Caller, Number, State
from apps.number_management.table import NumberTable
from tasks_bindings import Context, Environment
from tests.unit.apps.number_management.samples import NOW, OWNER, number

pytestmark = pytest.mark.store


@pytest.fixture
async def table(environment: dict[str, str]) -> AsyncIterator[NumberTable]:
    table = NumberTable(environment["NUMBERS_MONGO_URL"], environment["NUMBERS_MONGO_DATABASE"])
    await table.prepare()
    yield table
    table.close()


@pytest.fixture
async def desk(environment: dict[str, str]) -> AsyncIterator[Desk]:
    desk = Desk()
    await desk.open(Environment(environment))
    yield desk
    await desk.close(Environment(environment))


def context(row: int) -> Context:
    return Context(OWNER, OWNER, "1" * 30, "number_management", "reserve", row, False)


async def test_a_saved_number_is_found_with_the_outcome_of_its_row(table: NumberTable) -> None:
    assert await table.find("+14155550100") is None
    assert await table.save(None, number(), "task:1")
    assert await table.find("+14155550100") == Stored(number(), 1, {"task:1": number()})


async def test_of_two_changes_from_the_same_revision_one_wins(table: NumberTable) -> None:
    assert await table.save(None, number(), "task:1")
    before = await table.find(number().e164)
    reserved, released = number(State.RESERVED), number(State.RELEASED)
    assert await table.save(before, reserved, "task:2")
    assert not await table.save(before, released, "other:1")
    after = await table.find(number().e164)
    assert after is not None
    assert after.number == reserved


async def test_of_two_new_numbers_one_wins(table: NumberTable) -> None:
    assert await table.save(None, number(), "task:1")
    assert not await table.save(None, number(State.RESERVED), "other:1")


async def test_preparing_twice_is_no_error(table: NumberTable) -> None:
    await table.prepare()


async def test_rows_that_meet_on_a_number_each_build_on_the_other(desk: Desk) -> None:
    """Twenty changes at once; none is lost."""

    def count(existing: Number | None, _caller: Caller, _now: int) -> Number:
        if existing is None:
            return number(modified=NOW + 1)
        return number(modified=existing.modified + 1)

    async def change(row: int) -> None:
        while True:
            try:
                await desk.change(context(row), "+14155550100", count)
            except TableUnavailable:  # it lost ten times in a row
                continue
            return

    await asyncio.gather(*(change(row) for row in range(20)))
    last = await desk.change(context(100), "+14155550100", count)
    assert last.modified == NOW + 21


async def test_a_row_that_changes_nothing_writes_nothing(desk: Desk, table: NumberTable) -> None:
    await table.save(None, number(), "task:1")
    await desk.change(
        context(2), number().e164, lambda existing, _caller, _now: existing or number()
    )
    stored = await table.find(number().e164)
    assert stored is not None
    assert stored.revision == 1


async def test_a_row_is_not_done_twice_when_the_answer_to_its_change_was_lost(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    save = NumberTable.save

    async def lose_the_answer(
        self: NumberTable, before: Stored | None, after: Number, key: str
    ) -> bool:
        monkeypatch.setattr(NumberTable, "save", save)
        await save(self, before, after, key)
        return await save(self, before, after, key)  # as the driver's retry does

    monkeypatch.setattr(NumberTable, "save", lose_the_answer)
    calls = 0

    def once(existing: Number | None, _caller: Caller, _now: int) -> Number:
        nonlocal calls
        calls += 1
        assert existing is None
        return number()

    assert await desk.change(context(1), "+14155550100", once) == number()
    assert calls == 1


async def test_a_database_that_is_away_is_waited_for_and_then_given_up() -> None:
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))  # nobody listens
        url = f"mongodb://127.0.0.1:{reserved.getsockname()[1]}/?serverSelectionTimeoutMS=50"
        table = NumberTable(url, "numbers", patience_s=0.3)
        with pytest.raises(TableUnavailable, match="finding a number"):
            await table.find("+14155550100")
        table.close()


async def test_at_the_start_a_database_that_is_away_is_waited_for(
    store_url: str, database_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = NumberTable(store_url, database_name, patience_s=0.0)
    numbers, away = table._numbers, [AutoReconnect(), AutoReconnect()]

    class Away:
        async def create_index(self, keys: list[tuple[str, int]]) -> str:
            if away:
                raise away.pop()
            return str(await numbers.create_index(keys))

    monkeypatch.setattr(table, "_numbers", Away())
    await table.prepare()
    assert away == []
    table.close()


@pytest.mark.parametrize("address", ["mongodb://", "mongodb://a:b:c@h/", "http://h/"])
async def test_an_address_that_makes_no_sense_is_refused_without_being_shown(address: str) -> None:
    with pytest.raises(Misconfigured) as refused:
        NumberTable(address, "numbers")
    assert address not in str(refused.value)
