"""Pages of the list of tasks."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kztasks.api.paging import decode_key, encode_key, page_request
from kztasks.api.refusals import BadField, BadPageSize
from kztasks.store.interface import PageKey


def test_a_key_comes_back_as_it_was_given_out() -> None:
    key = PageKey(63_900_000_000, "e5c92c4b50bcec520d5d7e1ce1b869")

    assert decode_key(encode_key(key)) == key
    assert "=" not in encode_key(key)


@given(st.text(max_size=300))
def test_any_other_text_is_refused(text: str) -> None:
    with pytest.raises(BadField):
        decode_key(text)


@pytest.mark.parametrize(
    "text",
    ["bnVsbA", "W10", "WzEsMl0", "WyJhIiwiYiJd", "W3RydWUsImIiXQ", "Wy0xLCJiIl0", "W1tbW1tb", "é"],
)
def test_json_that_is_no_key_is_refused(text: str) -> None:
    with pytest.raises(BadField):
        decode_key(text)


@pytest.mark.parametrize("size", ["0", "-1", "1.5", "x", "", "1e3", "٣", "9999999999"])
def test_a_page_size_must_be_a_positive_integer(size: str) -> None:
    with pytest.raises(BadPageSize):
        page_request(size, None, default=50, most=1000)


@pytest.mark.parametrize(("size", "used"), [(None, 50), ("7", 7), ("1000", 1000), ("5000", 1000)])
def test_a_page_size_is_taken_up_to_the_most(size: str | None, used: int) -> None:
    assert page_request(size, None, default=50, most=1000).size == used
