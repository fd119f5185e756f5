"""Which bytes are sent, by RFC 9110."""

from __future__ import annotations

import pytest

from kztasks.api.limits.refusals import BadRange
from kztasks.api.ranges import ByteRange, byte_range

ETAG = '"abc"'


@pytest.mark.parametrize(
    ("header", "start", "stop"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=0-9", 0, 10),
        ("bytes=2-4", 2, 5),
        ("bytes = 2 - 4", 2, 5),
        ("bytes=5-", 5, 10),
        ("bytes=5-99999", 5, 10),
        ("bytes=-3", 7, 10),
        ("bytes=-99", 0, 10),
        ("bytes=9-9", 9, 10),
    ],
)
def test_one_range_is_understood(header: str, start: int, stop: int) -> None:
    assert byte_range(header, None, size=10, etag=ETAG) == ByteRange(start, stop, 10)


def test_a_range_says_where_it_is() -> None:
    found = byte_range("bytes=2-4", None, size=10, etag=ETAG)

    assert found is not None
    assert found.content_range == "bytes 2-4/10"
    assert found.length == 3


@pytest.mark.parametrize(
    "header",
    [None, "", "bytes=", "bytes=-", "bytes=4-2", "bytes=0-1,3-4", "lines=1-2", "bytes=a-b",
     "bytes=1", "bytes=" + "9" * 40 + "-"],
)  # fmt: skip
def test_what_is_not_one_range_is_answered_with_everything(header: str | None) -> None:
    assert byte_range(header, None, size=10, etag=ETAG) is None


@pytest.mark.parametrize("header", ["bytes=10-", "bytes=10-12", "bytes=-0"])
def test_a_range_behind_the_end_is_refused(header: str) -> None:
    with pytest.raises(BadRange) as caught:
        byte_range(header, None, size=10, etag=ETAG)

    assert caught.value.size == 10


@pytest.mark.parametrize(
    ("if_range", "is_partial"),
    [
        (ETAG, True),
        ('"other"', False),
        ("W/" + ETAG, False),
        ("Tue, 24 Nov 2026 10:00:00 GMT", False),
    ],
)
def test_a_range_of_another_state_is_answered_with_everything(
    *, if_range: str, is_partial: bool
) -> None:
    found = byte_range("bytes=0-1", if_range, size=10, etag=ETAG)

    assert (found is not None) is is_partial
