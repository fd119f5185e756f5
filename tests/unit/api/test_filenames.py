"""No file name can break out of its header."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kztasks.api.filenames import MAX_NAME_CHARS, attachment


def test_a_plain_name_stays_as_it_is() -> None:
    name = "number_management_find_e5c92c4b50bcec520d5d7e1ce1b869_out.csv"

    assert attachment(name) == f'attachment; filename="{name}"'


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ('a"b.csv', "attachment; filename=\"a_b.csv\"; filename*=UTF-8''a%22b.csv"),
        ("a\r\nX: y.csv", "attachment; filename=\"a__X_ y.csv\"; filename*=UTF-8''a__X%3A%20y.csv"),
        ("../../etc/passwd", 'attachment; filename="_.._etc_passwd"'),
        ("€.csv", "attachment; filename=\"_.csv\"; filename*=UTF-8''%E2%82%AC.csv"),
        ("", 'attachment; filename="file.csv"'),
        ("...", 'attachment; filename="file.csv"'),
    ],
)
def test_a_dangerous_name_is_made_safe(name: str, value: str) -> None:
    assert attachment(name) == value


@given(st.text(max_size=400))
def test_any_name_gives_one_line_of_plain_ascii_with_two_quotes(name: str) -> None:
    value = attachment(name)

    assert value.isascii()
    assert value.isprintable()
    assert value.count('"') == 2
    assert "/" not in value
    assert len(value) <= MAX_NAME_CHARS * 14 + 100
