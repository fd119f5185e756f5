"""What a task of the fault rows must end with, worked out without the product. Pure."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

INPUT_HEADER: Final = b"number,word\n"
OUTPUT_HEADER: Final = b'"number","word","row","sum"\n'
DIGESTS_HEADER: Final = b'"number","word","digest"\n'


def number_of(task: int, row: int) -> int:
    """The number in a row: no two tasks have the same ones in the same order."""
    return (row * 7919 + task * 104_729) % 1000


def word_of(task: int, row: int) -> str:
    """The text in a row: no two rows of a run have the same."""
    return f"t{task}-r{row}"


def input_csv(task: int, rows: int) -> bytes:
    """The `in.csv` of a task.

    Args:
        task: the task's number in its run.
        rows: how many rows it has.
    """
    lines = (f"{number_of(task, row)},{word_of(task, row)}\n" for row in range(1, rows + 1))
    return INPUT_HEADER + "".join(lines).encode()


def expected_csv(task: int, rows: int) -> bytes:
    """The `out.csv` of a task that ran whole, or its prefix of so many rows."""
    return OUTPUT_HEADER + b"".join(_lines(task, rows))


def expected_digests(task: int, rows: int) -> bytes:
    """The `out.csv` of a task of the action that keeps nothing, or its prefix of so many rows."""
    lines = (_digest_line(number_of(task, row), word_of(task, row)) for row in range(1, rows + 1))
    return DIGESTS_HEADER + "".join(lines).encode()


def _digest_line(number: int, word: str) -> str:
    digest = hashlib.sha256(f"{number},{word}".encode()).hexdigest()[:16]
    return f'"{number}","{word}","{digest}"\n'


def _lines(task: int, rows: int) -> Iterator[bytes]:
    total = 0
    for row in range(1, rows + 1):
        number = number_of(task, row)
        total += number
        yield f'"{number}","{word_of(task, row)}","{row}","{total}"\n'.encode()


@dataclass(frozen=True, slots=True)
class Difference:
    """How an output differs from what it must be; all 0 and equal bytes is no difference."""

    lost: int
    """Rows of the input that no line is of."""
    doubled: int
    """Lines of rows that have a line already."""
    altered: int
    """Lines that are there under their row's name with other content, or of no row at all."""
    swapped: int
    """Lines that come after one of a later row."""
    first: str
    """The first line that differs, as it is and as it must be."""

    def __str__(self) -> str:
        return (
            f"{self.lost} lost, {self.doubled} doubled, {self.altered} altered, "
            f"{self.swapped} out of order; {self.first}"
        )


def difference(expected: bytes, got: bytes) -> Difference | None:
    """How `got` differs from `expected`; `None` if not in a single byte."""
    if expected == got:
        return None
    wanted, found = expected.split(b"\n"), got.split(b"\n")
    due = {_word(line): (place, line) for place, line in enumerate(wanted)}
    seen: Counter[bytes] = Counter()
    altered = swapped = latest = 0
    for line in found:
        word = _word(line)
        place, right = due.get(word, (-1, b""))
        seen[word] += 1
        altered += line != right
        swapped += 0 <= place < latest
        latest = max(latest, place)
    return Difference(
        lost=sum(word not in seen for word in due),
        doubled=sum(count - 1 for word, count in seen.items() if word in due),
        altered=altered,
        swapped=swapped,
        first=_first_difference(wanted, found),
    )


def _word(line: bytes) -> bytes:
    """What names a line: its second cell, or the whole of a line without one."""
    cells = line.split(b",")
    return cells[1] if len(cells) > 1 else line


def _first_difference(wanted: Sequence[bytes], found: Sequence[bytes]) -> str:
    for number, (right, line) in enumerate(zip(wanted, found, strict=False), start=1):
        if right != line:
            return f"line {number} is {line!r} and must be {right!r}"
    return f"{len(found)} lines instead of {len(wanted)}"


def document_faults(document: Mapping[str, Any], rows: int) -> list[str]:
    """What is wrong in the status document of a task that must have run whole.

    Args:
        document: its `_read_only` part.
        rows: rows of its input.
    """
    wanted = {
        "status": "success",
        "total_count": rows,
        "success_count": rows,
        "failure_count": 0,
    }
    return [
        f"{name} is {document.get(name)!r} and must be {value!r}"
        for name, value in wanted.items()
        if document.get(name) != value
    ]


def log_faults(records: Sequence[Mapping[str, Any]], rows: int | None) -> list[str]:
    """What is wrong in the log of a task that has ended.

    Args:
        records: documents of the collection `log`, by sequence number.
        rows: rows that it must have run; `None` if any number will do.
    """
    if not records:
        return ["the log is empty"]
    faults = []
    if [record["seq"] for record in records] != list(range(len(records))):
        faults.append("the sequence numbers have a gap or a double")
    kinds = Counter(record["kind"] for record in records)
    if kinds["begin"] != 1 or records[0]["kind"] != "begin":
        faults.append(f"{kinds['begin']} begins, first a {records[0]['kind']}")
    if kinds["end"] != 1 or records[-1]["kind"] != "end":
        faults.append(f"{kinds['end']} ends, last a {records[-1]['kind']}")
    for name in ("row", "off"):
        values = [record[name] for record in records]
        if values != sorted(values):
            faults.append(f"{name} goes back")
    counts = records[-1]["counts"]
    counted = counts["succeeded"] + counts["failed"]
    if counted != records[-1]["row"] or (rows is not None and counted != rows):
        faults.append(f"{counted} rows are counted, {records[-1]['row']} run, {rows} wanted")
    return faults


def epoch_faults(owners: Sequence[tuple[str, int, str]]) -> list[str]:
    """Epochs of a task that two processes have had.

    Args:
        owners: task, epoch and process of every time that a process began with a task.
    """
    had: dict[tuple[str, int], str] = {}
    faults = []
    for task, epoch, process in owners:
        first = had.setdefault((task, epoch), process)
        if first != process:
            faults.append(f"epoch {epoch} of {task} was had by {first} and by {process}")
    return faults
