"""Rows that are only verified: the same verdict as in a batch, and nothing else happens."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks_bindings import App, Category, Context, Row, row
from tasks_bindings.errors import DecodeError
from tasks_bindings.sdk import batch as batch_module
from tasks_bindings.sdk import verification
from tasks_bindings.sdk.dispatch import Dispatcher
from tasks_bindings.sdk.refusal import RequestRefused
from tasks_bindings.wire import codec
from tasks_bindings.wire.messages import BatchReply, Cell, HelpReply
from tasks_bindings.wire.verification import (
    MAX_VALUE_CHARS,
    CellFailure,
    Rule,
    Verify,
    VerifyReply,
    check_reply,
)
from tests.unit.bindings.support import IDENTITY, MakeApp, batch, both, csv_app

NAMES = ("a", "b", "c")


def request(rows: Sequence[Sequence[Cell]], **changes: Any) -> Verify:
    """Rows of `tasks.cat.act`; one column `a` unless the test says otherwise."""
    fields: dict[str, Any] = {
        "category": "cat",
        "action": "act",
        "columns": ("a",),
        "rows": [list(one) for one in rows],
        "first_row": 1,
        "work_ms": 60_000,
    }
    return Verify(**{**fields, **changes})


async def ask(app: App, one: Verify) -> VerifyReply:
    body = await Dispatcher(app, IDENTITY).verify(one)
    return check_reply(codec.decode(body, VerifyReply), one)


def verify(app: App, one: Verify) -> VerifyReply:
    return asyncio.run(ask(app, one))


def guarded(
    verifiers: dict[str, Callable[[str], Any]],
    *,
    mandatory: Sequence[str] = (),
    optional: Sequence[str] = ("a",),
    is_async: bool = False,
) -> App:
    category = Category("cat")
    for column, verifier in verifiers.items():
        category.verifier(column)(verifier)

    def handler(_context: Context, _data: object, _row: Row) -> object:
        return row({})

    async def handler_async(context: Context, data: object, args: Row) -> object:
        return handler(context, data, args)

    category.csv_action(
        "act", description="A sample", mandatory=list(mandatory), optional=list(optional)
    )(handler_async if is_async else handler)
    return App("sample", category)


def crash(cell: str) -> bool:
    raise ValueError(cell)


verifiers = st.dictionaries(
    st.sampled_from(NAMES),
    st.sampled_from(
        [lambda _: True, lambda _: False, str.isdigit, crash, lambda cell: len(cell) < 3]
    ),
)
cells = st.one_of(st.none(), st.text(max_size=4), st.sampled_from(["", "1", "12", "x" * 300]))


@st.composite
def inputs(draw: st.DrawFn) -> tuple[tuple[str, ...], list[list[Cell]]]:
    """Columns, some unknown to the action, some there twice; and rows of them."""
    columns = tuple(draw(st.lists(st.sampled_from((*NAMES, "other")), min_size=1, max_size=5)))
    one = st.lists(cells, min_size=len(columns), max_size=len(columns))
    return columns, draw(st.lists(one, min_size=1, max_size=8))


@given(
    verifiers,
    st.permutations(NAMES),
    st.integers(0, 3),
    inputs(),
    st.booleans(),
)
def test_the_rows_that_fail_are_those_that_fail_in_a_batch(
    functions: dict[str, Callable[[str], Any]],
    names: list[str],
    split: int,
    given_rows: tuple[tuple[str, ...], list[list[Cell]]],
    is_async: bool,  # noqa: FBT001  (hypothesis gives it)
) -> None:
    columns, rows = given_rows
    app = guarded(functions, mandatory=names[:split], optional=names[split:], is_async=is_async)

    async def run() -> tuple[BatchReply, VerifyReply]:
        asked = Dispatcher(app, IDENTITY)
        body = await asked.batch(batch(rows, columns=columns, first_row=5))
        one = request(rows, columns=columns, first_row=5, max_failures=1000)
        reply = check_reply(codec.decode(await asked.verify(one), VerifyReply), one)
        return codec.decode(body, BatchReply), reply

    ran, verified = asyncio.run(run())

    in_batch = {
        number: returned["bad_fields"]
        for number, returned in enumerate(ran.returns, 5)
        if "bad_fields" in returned
    }
    in_dry_run: dict[int, list[str]] = {}
    for failure in verified.failures:
        in_dry_run.setdefault(failure.row, []).append(failure.column)
    assert in_dry_run == in_batch
    assert len(ran.returns) == verified.rows == len(rows)
    assert verified.failed_rows == len(in_batch)
    assert verified.failed_cells == sum(map(len, in_batch.values()))


def test_a_failure_says_where_what_and_why() -> None:
    app = guarded({"a": str.isdigit, "b": crash}, mandatory=["c"], optional=["a", "b"])
    reply = verify(app, request([["x", "y", None]], columns=NAMES, first_row=7))
    assert [one.model_dump(exclude={"message"}) for one in reply.failures] == [
        {"row": 7, "column": "a", "value": "x", "rule": Rule.VERIFIER},
        {"row": 7, "column": "b", "value": "y", "rule": Rule.VERIFIER_CRASHED},
        {"row": 7, "column": "c", "value": None, "rule": Rule.MANDATORY},
    ]
    assert all(one.message for one in reply.failures)
    assert "ValueError" not in str(reply)
    assert reply.app == IDENTITY


@pytest.mark.parametrize("length", [MAX_VALUE_CHARS, MAX_VALUE_CHARS + 1, 100_000])
def test_a_long_value_is_cut(length: int) -> None:
    app = guarded({"a": lambda _: False})
    [failure] = verify(app, request([["ä" * length]])).failures
    assert failure.value is not None
    assert len(failure.value) == MAX_VALUE_CHARS
    assert failure.value.endswith("…") == (length > MAX_VALUE_CHARS)


@pytest.mark.parametrize("most", [0, 1, 3, 1000])
def test_as_many_failures_are_told_as_are_wanted_and_all_are_counted(most: int) -> None:
    app = guarded({"a": lambda _: False, "b": lambda _: False}, optional=["a", "b"])
    one = request([["x", "y"]] * 4, columns=("a", "b"), max_failures=most)
    reply = verify(app, one)
    assert (reply.failed_rows, reply.failed_cells) == (4, 8)
    told = [(failure.row, failure.column) for failure in reply.failures]
    assert told == [(number, name) for number in range(1, 5) for name in "ab"][:most]


def test_the_largest_reply_fits_into_a_message() -> None:
    name = "\x01" + "ä" * 127
    app = guarded({name: lambda _: False}, optional=[name])
    one = request([["\x01" * 1000]] * 1200, columns=(name,), max_failures=1000)
    assert len(verify(app, one).failures) == 1000


@both
def test_no_handler_is_called(make: MakeApp) -> None:
    def handler(_context: Context, _data: object, _row: Row) -> object:
        raise AssertionError("called")

    reply = verify(make(handler), request([["x"]]))
    assert (reply.rows, reply.failures) == (1, ())


@pytest.mark.parametrize("is_async", [False, True])
def test_after_its_time_it_answers_with_the_rows_that_it_has_verified(*, is_async: bool) -> None:
    def slow(_cell: str) -> bool:
        time.sleep(0.02)
        return False

    app = guarded({"a": slow}, is_async=is_async)
    reply = verify(app, request([["x"]] * 1000, work_ms=100))
    assert 1 <= reply.rows < 20
    assert reply.failed_rows == reply.rows
    assert verify(app, request([["x"]] * 1000, work_ms=1)).rows == 1


@pytest.mark.parametrize("is_async", [False, True])
async def test_verifiers_run_where_the_handler_does(*, is_async: bool) -> None:
    threads = set()

    def note(_cell: str) -> bool:
        threads.add(threading.get_ident())
        return True

    await ask(guarded({"a": note}, is_async=is_async), request([["x"], ["y"]]))
    assert (threads == {threading.get_ident()}) == is_async
    assert len(threads) == 1


async def test_on_the_loop_others_get_their_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verification, "MAX_LOOP_HOLD_S", 0.0)
    assert batch_module.MAX_LOOP_HOLD_S > 0
    turns = 0
    seen: list[int] = []

    async def other() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    def note(_cell: str) -> bool:
        time.sleep(0.001)
        seen.append(turns)
        return True

    beside = asyncio.create_task(other())
    await ask(guarded({"a": note}, is_async=True), request([["x"]] * 5))
    beside.cancel()
    assert len(set(seen)) == 5


@pytest.mark.parametrize("changes", [{"action": "other"}, {"category": "other"}])
async def test_an_action_that_the_app_has_not_is_refused(changes: dict[str, str]) -> None:
    with pytest.raises(RequestRefused) as refused:
        await ask(guarded({}), request([["x"]], **changes))
    assert refused.value.refusal.code == "unknown_action"


async def test_rows_over_which_a_process_ended_are_not_verified_by_the_next_one() -> None:
    called: list[str] = []
    app = guarded({"a": called.append})
    with pytest.raises(RequestRefused) as refused:
        await Dispatcher(app, IDENTITY).verify(request([["x"]]), redelivered=True)
    assert refused.value.refusal.code == "interrupted"
    assert called == []


async def test_nothing_is_verified_beside_a_batch_that_runs_alone() -> None:
    """Or else a verifier that kills the process would put the blame on that batch."""
    entered, go_on = asyncio.Event(), asyncio.Event()

    async def handler(_context: Context, _data: object, _row: Row) -> object:
        entered.set()
        await go_on.wait()
        return row({})

    async def ignore(_: object) -> Any:
        return True

    asked = Dispatcher(csv_app(handler), IDENTITY)
    alone = batch([["x"]]).model_copy(update={"alone": True})

    async def run() -> None:
        async with asked.turn(alone, ignore):
            await asked.batch(alone)

    running = asyncio.create_task(run())
    await entered.wait()
    verifying = asyncio.create_task(asked.verify(request([["x"]])))
    for _ in range(10):
        await asyncio.sleep(0)
    assert not verifying.done()
    go_on.set()
    await running
    assert await verifying


REQUEST = request([["x"], ["y"], ["z"]], first_row=10, max_failures=2)
GOOD: dict[str, Any] = {"rows": 3, "failed_rows": 2, "failed_cells": 3, "at": [10, 12]}


def reply(rows: int, failed_rows: int, failed_cells: int, at: list[int]) -> VerifyReply:
    return VerifyReply(
        app=IDENTITY,
        rows=rows,
        failed_rows=failed_rows,
        failed_cells=failed_cells,
        failures=tuple(CellFailure(row=one, column="a", rule="verifier") for one in at),
    )


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"rows": 1, "failed_rows": 0, "failed_cells": 0, "at": []},
        {"failed_rows": 1, "failed_cells": 1, "at": [11]},
        {"failed_rows": 1, "failed_cells": 2, "at": [11, 11]},
    ],
)
def test_a_reply_that_fits_its_request_is_taken(changes: dict[str, Any]) -> None:
    good = reply(**{**GOOD, **changes})
    assert check_reply(good, REQUEST) is good


@pytest.mark.parametrize(
    "changes",
    [
        {"rows": 4},
        {"rows": 1},
        {"failed_rows": 4, "failed_cells": 9},
        {"failed_rows": 0},
        {"failed_rows": 0, "failed_cells": 0},
        {"failed_cells": 0, "at": []},
        {"failed_rows": 3, "failed_cells": 2},
        {"failed_rows": 1},
        {"at": [10]},
        {"at": [10, 11, 12]},
        {"at": [9, 10]},
        {"at": [12, 13]},
        {"at": [12, 10]},
    ],
    ids=str,
)
def test_a_reply_that_contradicts_its_request_or_itself_is_refused(
    changes: dict[str, Any],
) -> None:
    with pytest.raises(DecodeError):
        check_reply(reply(**{**GOOD, **changes}), REQUEST)


def test_an_app_that_does_not_say_so_cannot_verify() -> None:
    silent = {"v": 1, "app": IDENTITY.model_dump(), "help": {}, "bindings": [], "digest": "d"}
    assert codec.decode(codec.encode_plain(silent), HelpReply).verifies is False
