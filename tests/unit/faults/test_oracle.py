"""The oracle of the fault rows sees whatever may be wrong with an output."""

from __future__ import annotations

import hashlib

import pytest

from tests.faults.harness.oracle import (
    difference,
    document_faults,
    epoch_faults,
    expected_csv,
    expected_digests,
    input_csv,
    log_faults,
)

TASK, ROWS = 3, 50
RIGHT = expected_csv(TASK, ROWS)


def lines() -> list[bytes]:
    return RIGHT.splitlines(keepends=True)


def test_the_right_output_has_no_difference() -> None:
    assert difference(RIGHT, expected_csv(TASK, ROWS)) is None


def test_the_output_holds_the_input_and_the_sum_so_far() -> None:
    numbers = [int(line.split(b",")[0]) for line in input_csv(TASK, ROWS).splitlines()[1:]]
    last = RIGHT.splitlines()[-1].split(b",")
    assert len(numbers) == ROWS
    assert last[3] == b'"%d"' % sum(numbers)


def test_an_output_of_digests_holds_the_input_and_what_depends_on_each_row_alone() -> None:
    rows = [line.decode() for line in input_csv(TASK, ROWS).splitlines()[1:]]
    for row, line in zip(rows, expected_digests(TASK, ROWS).decode().splitlines()[1:], strict=True):
        number, word = row.split(",")
        digest = hashlib.sha256(row.encode()).hexdigest()[:16]
        assert line == f'"{number}","{word}","{digest}"'


def test_no_two_tasks_have_the_same_input() -> None:
    assert len({input_csv(task, ROWS) for task in range(60)}) == 60


@pytest.mark.parametrize("place", [1, 20, ROWS])
def test_a_lost_row_is_seen(place: int) -> None:
    left = lines()
    del left[place]
    found = difference(RIGHT, b"".join(left))
    assert found is not None
    assert (found.lost, found.doubled, found.altered, found.swapped) == (1, 0, 0, 0)


@pytest.mark.parametrize("place", [1, 20, ROWS])
def test_a_doubled_row_is_seen(place: int) -> None:
    more = lines()
    more.insert(place, more[place])
    found = difference(RIGHT, b"".join(more))
    assert found is not None
    assert (found.lost, found.doubled, found.altered, found.swapped) == (0, 1, 0, 0)


def test_a_row_that_comes_again_later_is_doubled_and_out_of_order() -> None:
    more = lines()
    more.insert(30, more[10])
    found = difference(RIGHT, b"".join(more))
    assert found is not None
    assert (found.doubled, found.swapped) == (1, 1)


def test_two_swapped_rows_are_seen() -> None:
    mixed = lines()
    mixed[7], mixed[8] = mixed[8], mixed[7]
    found = difference(RIGHT, b"".join(mixed))
    assert found is not None
    assert (found.lost, found.doubled, found.altered, found.swapped) == (0, 0, 0, 1)


def test_a_row_with_the_data_of_another_one_is_seen() -> None:
    wrong = lines()
    cells = wrong[9].rstrip(b"\n").split(b",")
    wrong[9] = b",".join([*cells[:3], b'"1"']) + b"\n"
    found = difference(RIGHT, b"".join(wrong))
    assert found is not None
    assert (found.lost, found.altered) == (0, 1)
    assert found.first.startswith("line 10 is")


def test_a_changed_header_is_seen() -> None:
    assert difference(RIGHT, RIGHT.replace(b'"sum"', b'"Sum"')) is not None


def test_an_output_that_breaks_off_is_seen() -> None:
    found = difference(RIGHT, RIGHT[:-10])
    assert found is not None


def test_a_document_is_right_only_with_success_and_all_counts() -> None:
    right = {"status": "success", "total_count": 5, "success_count": 5, "failure_count": 0}
    assert document_faults(right, 5) == []
    for name, wrong in {"status": "failure", "success_count": 4, "failure_count": 1}.items():
        assert document_faults({**right, name: wrong}, 5) != []


def records() -> list[dict[str, object]]:
    def one(seq: int, kind: str, row: int) -> dict[str, object]:
        counts = {"succeeded": row, "failed": 0}
        return {"seq": seq, "kind": kind, "row": row, "off": 10 * row, "counts": counts}

    kinds = [(0, "begin", 0), (1, "batch", 4), (2, "batch", 9), (3, "end", 9)]
    return [one(*what) for what in kinds]


def test_a_whole_log_is_right() -> None:
    assert log_faults(records(), 9) == []


@pytest.mark.parametrize("gone", [0, 1, 2, 3])
def test_a_log_without_one_of_its_records_is_wrong(gone: int) -> None:
    left = records()
    del left[gone]
    assert log_faults(left, 9) != []


def test_a_log_with_two_ends_is_wrong() -> None:
    more = records()
    more.append({**more[-1], "seq": 4})
    assert log_faults(more, 9) != []


def test_a_log_that_counts_other_rows_than_it_ran_is_wrong() -> None:
    assert log_faults(records(), 10) != []
    assert log_faults([], 0) != []


def test_an_epoch_is_had_by_one_process_alone() -> None:
    assert epoch_faults([("a", 1, "p"), ("a", 2, "q"), ("b", 1, "q"), ("a", 1, "p")]) == []
    assert epoch_faults([("a", 1, "p"), ("a", 1, "q")]) != []
