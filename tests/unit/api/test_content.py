"""What a request brings and what it wants, by its headers."""

from __future__ import annotations

import pytest
from starlette.datastructures import Headers

from kztasks.api.content import BodyKind, body_kind, wants_csv
from kztasks.api.refusals import UnsupportedContent


def kind(**headers: str) -> BodyKind:
    return body_kind(Headers({name.replace("_", "-"): value for name, value in headers.items()}))


@pytest.mark.parametrize(
    "content_type",
    [
        "text/csv",
        "TEXT/CSV",
        "text/csv; charset=utf-8",
        'text/csv;charset="UTF-8"; header=present',
        "text/comma-separated-values",
        "application/octet-stream",
    ],
)
def test_these_types_bring_a_csv(content_type: str) -> None:
    assert kind(content_type=content_type) is BodyKind.CSV


@pytest.mark.parametrize("content_type", ["application/json", "application/x-json;charset=UTF-8"])
def test_these_types_bring_json(content_type: str) -> None:
    assert kind(content_type=content_type) is BodyKind.JSON


def test_without_a_type_it_is_json() -> None:
    assert kind() is BodyKind.JSON


@pytest.mark.parametrize(
    "headers",
    [
        {"content_type": "application/x-www-form-urlencoded"},
        {"content_type": "text/plain"},
        {"content_type": "nonsense"},
        {"content_type": "text/csv; charset=iso-8859-1"},
        {"content_type": "text/csv", "content_encoding": "gzip"},
    ],
)
def test_other_types_character_sets_and_codings_are_refused(headers: dict[str, str]) -> None:
    with pytest.raises(UnsupportedContent):
        kind(**headers)


@pytest.mark.parametrize(
    ("accept", "tunnelled", "csv"),
    [
        (None, None, False),
        ("*/*", None, False),
        ("application/json", None, False),
        ("text/csv", None, True),
        ("text/csv; q=0.5, application/json", None, True),
        ("application/json, text/csv", None, False),
        ("text/html, text/csv", None, True),
        ("text/plain, */*; q=0.01", None, False),
        ("text/csv;q=0, */*", None, False),
        ("image/png", None, False),
        ("application/octet-stream", None, True),
        ("application/json", "text/csv", True),
        ("application/json", "csv", True),
        ("text/csv", "application/json", False),
        (",;,;;", None, False),
    ],
)
def test_the_first_type_that_can_be_had_decides(
    *, accept: str | None, tunnelled: str | None, csv: bool
) -> None:
    assert wants_csv(accept, tunnelled) is csv
