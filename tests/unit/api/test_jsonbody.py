"""JSON from strangers is read or refused; nothing of it can fail later."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from kztasks.api.jsonbody import (
    MAX_DEPTH,
    envelope_of,
    parse_json,
    read_bounded,
)
from kztasks.api.refusals import BadField, BodyTooLarge


async def chunks(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"{'a': 1}",
        b"\xff",
        b"\xef\xbb\xbf{}",
        b'{"a": NaN}',
        b'{"a": Infinity}',
        b'{"a": -Infinity}',
        b'{"a": 1e999}',
        b'{"a": 9223372036854775808}',
        b'{"a": -9223372036854775809}',
        b'{"a": ' + b"9" * 5000 + b"}",
        b'{"a": 1, "a": 2}',
        b'{"x": {"a": 1, "a": 2}}',
        b'{"a": "\\u0000"}',
        b'{"a\\u0000": 1}',
        b'["\\ud800"]',
        b'{"\\udfff": 1}',
        b'{"a": "raw \x00 nul"}',
        b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1),
        b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
        b"[" * 1_000_000,
        b"{} {}",
    ],
)
def test_bad_json_is_refused_with_a_sentence(body: bytes) -> None:
    with pytest.raises(BadField) as caught:
        parse_json(body)

    assert caught.value.field == "json"
    assert caught.value.details["cause"]


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (b"{}", {}),
        (b'{"a": 9223372036854775807}', {"a": 2**63 - 1}),
        (b'{"a": -9223372036854775808}', {"a": -(2**63)}),
        (b'{"a": 1.5e3}', {"a": 1500.0}),
        (b'{"a": "\\u00e9\\ud83d\\ude00"}', {"a": "é😀"}),
        (b'{"a": "\\\\u0000"}', {"a": "\\u0000"}),
        (b"[" * MAX_DEPTH + b"]" * MAX_DEPTH, None),
    ],
)
def test_good_json_is_read(body: bytes, value: object) -> None:
    read = parse_json(body)

    assert value is None or read == value


def test_an_empty_body_holds_no_data() -> None:
    assert envelope_of(b"") == {}
    assert envelope_of(b"  \r\n") == {}


def test_keys_of_the_envelope_may_be_in_any_case() -> None:
    assert envelope_of(b'{"DATA": {"a": 1}, "Auth_Token": "t"}') == {
        "data": {"a": 1},
        "auth_token": "t",
    }


@pytest.mark.parametrize(
    ("body", "field", "rule"),
    [
        (b"[]", "json", "type"),
        (b"7", "json", "type"),
        (b"{}", "data", "required"),
        (b'{"data": "x"}', "data", "type"),
        (b'{"data": null}', "data", "type"),
    ],
)
def test_a_body_without_an_envelope_is_refused(body: bytes, field: str, rule: str) -> None:
    with pytest.raises(BadField) as caught:
        envelope_of(body)

    assert (caught.value.field, caught.value.rule) == (field, rule)


async def test_a_body_is_read_up_to_its_limit() -> None:
    assert await read_bounded(chunks(b"ab", b"", b"c"), 3) == b"abc"
    with pytest.raises(BodyTooLarge):
        await read_bounded(chunks(b"ab", b"cd"), 3)
