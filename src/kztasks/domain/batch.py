"""A whole batch of returns at once: what is committed of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kztasks.csvio import Row
from kztasks.domain.expansion import Expansion
from kztasks.domain.lines import encode_lines
from kztasks.domain.outcome import End, Outcome, Rules, interpret


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
    lines: list[Row] = []
    failed_rows: list[int] = []
    failed_lines: list[int] = []
    failed = succeeded = processed = 0
    end: End | None = None
    file: str | None = None
    reason: str | None = None
    for index, returned in enumerate(returns):
        outcome = interpret(returned, rules, rows[index] if rows is not None else [])
        if is_measured and (why := expansion.add(outcome.lines)) is not None:
            outcome = Outcome(end=End.FAULT, reason=why)
        if outcome.failed:
            failed_rows.append(index)
            failed_lines.extend(range(len(lines), len(lines) + len(outcome.lines)))
        lines.extend(outcome.lines)
        failed += outcome.failed
        succeeded += outcome.succeeded
        processed += 1
        if outcome.end is not None:
            end, file, reason = outcome.end, outcome.file, outcome.reason
            break
    columns, written, output = encode_lines(lines, len(rules.header.columns))
    return BatchOutcome(
        processed,
        failed,
        succeeded,
        columns,
        written,
        output,
        end,
        file,
        reason,
        tuple(failed_rows),
        tuple(failed_lines),
    )
