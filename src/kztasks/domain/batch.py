"""A whole batch of returns at once: what is committed of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import repeat
from typing import Any

from kztasks.csvio import Row
from kztasks.domain.expansion import Expansion
from kztasks.domain.lines import encode_lines
from kztasks.domain.outcome import End, Outcome, Rules, interpret, plain_cells


@dataclass(frozen=True, slots=True)
class BatchOutcome:
    """What a batch adds to the task. Only the first `processed` rows count; the rest is run later.

    `output` has the columns `columns` (indexes into the header); `written` are those of them in
    which any cell is defined.
    """

    processed: int
    failed: int
    succeeded: int
    columns: tuple[int, ...]
    written: tuple[int, ...]
    output: bytes
    end: End | None
    file: str | None
    reason: str | None
    failed_rows: tuple[int, ...] = ()
    """Which of the rows have failed, counted from 0 at the start of the batch."""
    failed_lines: tuple[int, ...] = ()
    """Which lines of `output` were written for failed rows, counted from 0."""


def settle(
    returns: Sequence[Mapping[str, Any]], rules: Rules, rows: Sequence[Row] | None
) -> BatchOutcome:
    """Give every return of a batch its meaning, in order, up to the one that ends the task.

    Args:
        returns: one per row or call that was run, from the first on.
        rules: of the task.
        rows: the rows of the batch; `None` for a task without input.
    """
    expansion = Expansion(rules.header.columns)
    is_measured = rules.is_noinput or not expansion.is_bounded(len(returns))
    is_plain = not is_measured and not rules.header.replaced
    lines: list[Row] = []
    failed_rows: list[int] = []
    failed_lines: list[int] = []
    succeeded = processed = 0
    last = Outcome()
    for returned, row in zip(returns, rows if rows is not None else repeat([]), strict=False):
        processed += 1
        if is_plain and (cells := plain_cells(returned)) is not None:
            lines.append(rules.with_added(row, cells))
            succeeded += 1
            continue
        outcome = interpret(returned, rules, row)
        if is_measured and (why := expansion.add(outcome.lines)) is not None:
            outcome = Outcome(end=End.FAULT, reason=why)
        if outcome.failed:
            failed_rows.append(processed - 1)
            failed_lines.extend(range(len(lines), len(lines) + len(outcome.lines)))
        lines.extend(outcome.lines)
        succeeded += outcome.succeeded
        if outcome.end is not None:
            last = outcome
            break
    columns, written, output = encode_lines(lines, rules.width)
    return BatchOutcome(
        processed,
        len(failed_rows),
        succeeded,
        columns,
        written,
        output,
        last.end,
        last.file,
        last.reason,
        tuple(failed_rows),
        tuple(failed_lines),
    )
