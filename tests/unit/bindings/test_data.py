"""`Data` travels as JSON from batch to batch, in the author's own type."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from tasks_bindings import INIT, App, Context, Row, ok
from tasks_bindings.errors import BadReturn, StateTooLarge
from tasks_bindings.sdk.actions import Action
from tasks_bindings.sdk.data import dump_data, load_data
from tasks_bindings.testing import run_action
from tasks_bindings.wire.messages import MAX_DATA_BYTES
from tests.unit.bindings.support import csv_app


@dataclass(frozen=True, slots=True)
class Flush:
    pending: list[str] = field(default_factory=list)
    saved: int = 0


def action(data_type: Any = None) -> Action:
    app = csv_app(lambda _context, _data, _row: ok(), data_type=data_type)
    found = app.action("cat", "act")
    assert found is not None
    return found


def collecting() -> App:
    def handler(_context: Context, data: Any, args: Row) -> object:
        before = Flush() if data is INIT else data
        assert isinstance(before, Flush)
        pending = [*before.pending, str(args["a"])]
        if len(pending) == 3:
            return ok(Flush(saved=before.saved + 3))
        return ok(Flush(pending, before.saved))

    return csv_app(handler, data_type=Flush)


@pytest.mark.parametrize("batch_rows", [1, 2, 3, 100])
def test_a_dataclass_is_the_same_over_any_border_of_batches(batch_rows: int) -> None:
    csv = "a\n" + "".join(f"{index}\n" for index in range(7))
    ran = run_action(collecting(), "cat", "act", csv, batch_rows=batch_rows)
    assert ran.data == Flush(["6"], 6)


@pytest.mark.parametrize("data", [None, 0, "", [1, "a"], {"a": {"b": None}}, True, 1.5, "é\u2028"])
def test_plain_json_comes_back_as_it_was(data: object) -> None:
    assert load_data(action(), dump_data(action(), data)) == data


def test_the_first_call_is_given_init_and_init_stays_init() -> None:
    assert load_data(action(), None) is INIT
    assert dump_data(action(), INIT) is None


@pytest.mark.parametrize("data", [object(), b"\xff", "\ud800"])
def test_what_cannot_be_json_is_refused_with_the_reason(data: object) -> None:
    with pytest.raises(BadReturn, match="Data cannot be JSON"):
        dump_data(action(), data)


def test_data_that_holds_itself_is_refused() -> None:
    data: list[object] = []
    data.append(data)
    with pytest.raises(BadReturn, match="Data cannot be JSON"):
        dump_data(action(), data)


def test_data_of_another_type_than_declared_is_refused_when_it_is_returned() -> None:
    with pytest.raises(BadReturn, match="Data cannot be JSON"):
        dump_data(action(Flush), {"pending": [], "saved": "many"})


def test_data_may_be_as_large_as_the_limit_and_no_larger() -> None:
    dump_data(action(), "x" * (MAX_DATA_BYTES - 2))
    with pytest.raises(StateTooLarge, match=r"tasks\.cat\.act is 262145 bytes.*flush"):
        dump_data(action(), "x" * (MAX_DATA_BYTES - 1))


def test_the_limit_counts_bytes() -> None:
    with pytest.raises(StateTooLarge):
        dump_data(action(), "€" * (MAX_DATA_BYTES // 2))


def test_stored_data_that_does_not_fit_the_type_any_more_is_refused_with_the_reason() -> None:
    with pytest.raises(BadReturn, match=r"does not fit.*data_type: saved: Input should be"):
        load_data(action(Flush), '{"pending":[],"saved":"many"}')


def test_stored_data_that_is_no_json_is_refused() -> None:
    with pytest.raises(BadReturn, match="does not fit"):
        load_data(action(), "{")
