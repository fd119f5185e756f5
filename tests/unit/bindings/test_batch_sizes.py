"""What the rows of a batch returned fits into a message, whatever they returned."""

from __future__ import annotations

from typing import Any

from tasks_bindings import row, rows
from tasks_bindings.sdk.encoding import MAX_REPLY_BYTES, MAX_RETURN_BYTES
from tests.unit.bindings.support import batch, csv_app, noinput_app, numbered, run_batch


def test_a_cell_that_cannot_be_json_is_a_crash_of_its_row() -> None:
    strange: Any = 1j
    app = csv_app(lambda _context, _data, args: row([strange if args["a"] == "2" else "1"]))
    run = run_batch(app, batch(numbered(2)))
    assert run.run.returns[0] == {"row": ["1"]}
    assert run.run.returns[1]["crash"]["type"] == "BadReturn"
    assert run.run.ended


def test_a_batch_ends_before_its_reply_is_too_large() -> None:
    page = [["x" * 1000, "y"]] * 100
    run = run_batch(noinput_app(lambda _context, _data: rows(page, 1)), batch(calls=100))
    encoded = run.encode()
    assert len(encoded) > MAX_REPLY_BYTES
    assert len(encoded) < MAX_REPLY_BYTES + 2 * 101_000
    assert 1 < run.run.done < 100
    assert not run.run.ended


def test_wide_rows_end_a_batch_too() -> None:
    app = csv_app(lambda _context, _data, _row: row(["x" * 100_000]))
    run = run_batch(app, batch(numbered(1000)))
    assert MAX_REPLY_BYTES < len(run.encode()) < MAX_REPLY_BYTES + 300_000


def test_a_single_return_that_no_message_could_hold_is_a_crash() -> None:
    page = [["x" * 1000]] * (MAX_RETURN_BYTES // 1000)
    run = run_batch(noinput_app(lambda _context, _data: rows(page, 1)), batch(calls=2))
    [returned] = run.run.returns
    assert "fewer rows" in returned["crash"]["message"]
    assert run.run.ended
