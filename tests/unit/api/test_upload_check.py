"""What is asked of an uploaded CSV, however its bytes are cut."""

from __future__ import annotations

import pytest

from kztasks.api.refusals import RefusedInput
from kztasks.api.upload_check import MAX_SHOWN_ROWS, CheckedCsv, UploadCheck, without_input
from kztasks.csvio import CsvError, CsvLimits, EmptyInput, NoRows, RaggedRow
from tasks_bindings.wire.messages import Metadata

AB = Metadata(description="d", expected_content="text/csv", mandatory=("a", "b"), optional=("c",))


def check(
    data: bytes, metadata: Metadata = AB, *, size: int = 1, values: bool = True
) -> CheckedCsv:
    checking = UploadCheck(metadata, CsvLimits(), check_values=values)
    for start in range(0, len(data), size):
        checking.feed(data[start : start + size])
    return checking.finish()


def problems(data: bytes, metadata: Metadata = AB, *, size: int = 1) -> object:
    with pytest.raises(RefusedInput) as caught:
        check(data, metadata, size=size)
    return caught.value.problems


@pytest.mark.parametrize("size", [1, 2, 7, 1000])
def test_a_good_csv_passes_and_says_where_its_rows_begin(size: int) -> None:
    checked = check(b'\xef\xbb\xbfa,"b"\r\n1,2\r\n3,4', size=size)

    assert checked == CheckedCsv(columns=("a", "b"), rows=2, body_offset=10, body_line=2)


def test_a_header_of_two_lines_is_counted_as_two() -> None:
    assert check(b'a,b,"x\ny"\n1,2,3\n').body_line == 3


def test_columns_that_the_action_does_not_know_are_accepted() -> None:
    assert check(b"x,a,y,b\n1,2,3,4\n").columns == ("x", "a", "y", "b")


def test_missing_columns_are_named_in_the_order_of_the_metadata() -> None:
    assert problems(b"x\n1\n") == {"missing_mandatory_fields": ["a", "b"]}


def test_names_of_columns_are_case_sensitive() -> None:
    assert problems(b"A,b\n1,2\n") == {"missing_mandatory_fields": ["a"]}


def test_rows_without_a_mandatory_value_are_shown_as_they_would_be_written() -> None:
    assert problems(b"a,b\n,1\n2,\n3,4\n") == {"missing_mandatory_values": [',"1"\n', '"2",\n']}


def test_missing_columns_and_missing_values_are_told_together() -> None:
    assert problems(b"b,x\n,1\n") == {
        "missing_mandatory_fields": ["a"],
        "missing_mandatory_values": [',"1"\n'],
    }


def test_a_quoted_empty_cell_is_a_value() -> None:
    assert check(b'a,b\n"",2\n').rows == 1


def test_an_optional_cell_may_be_empty() -> None:
    assert check(b"a,b,c\n1,2,\n").rows == 1


def test_values_of_records_are_not_asked_for() -> None:
    assert check(b"a,b\n,1\n", values=False).rows == 1


def test_it_is_known_early_that_a_csv_will_be_refused() -> None:
    checking = UploadCheck(AB, CsvLimits())
    checking.feed(b"a,x\n1")

    assert checking.is_refused


def test_no_more_than_a_hundred_rows_are_shown_and_the_rest_is_not_read() -> None:
    checking = UploadCheck(AB, CsvLimits())
    with pytest.raises(RefusedInput) as caught:
        checking.feed(b"a,b\n" + b",1\n" * (MAX_SHOWN_ROWS + 1) + b"the rest")

    assert caught.value.problems == {"missing_mandatory_values": [',"1"\n'] * MAX_SHOWN_ROWS}


def test_what_is_shown_is_bounded_in_characters_too() -> None:
    shown = problems(b"a,b\n" + b"," + b"x" * 100_000 + b"\n" + b"a,\n" * 3, size=50_000)
    many = problems(b"a,b\n" + (b"," + b"x" * 100_000 + b"\n") * 10, size=50_000)

    assert len(str(shown)) > 100_000
    assert len(str(many)) < 300_000


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"", EmptyInput),
        (b"\n", EmptyInput),
        (b"a,b", NoRows),
        (b"a,b\n", NoRows),
        (b"a,b\n1\n", RaggedRow),
        (b"a,b\n1,2,3\n", RaggedRow),
    ],
)
def test_a_wrong_shape_is_an_error_of_its_own(data: bytes, kind: type[CsvError]) -> None:
    with pytest.raises(kind):
        check(data)


def test_a_wrong_shape_wins_over_missing_values() -> None:
    with pytest.raises(RaggedRow):
        check(b"a,b\n,1\n1\n")


def test_a_csv_action_wants_input_and_says_which_columns() -> None:
    with pytest.raises(RefusedInput) as caught:
        without_input(AB)

    assert caught.value.problems == {
        "expected_content": "text/csv",
        "missing_mandatory_fields": ["a", "b"],
    }


def test_a_csv_action_without_mandatory_columns_wants_input_all_the_same() -> None:
    with pytest.raises(RefusedInput) as caught:
        without_input(AB.model_copy(update={"mandatory": ()}))

    assert caught.value.problems == {"expected_content": "text/csv"}


def test_a_noinput_action_is_content_with_nothing() -> None:
    without_input(Metadata(description="d"))
