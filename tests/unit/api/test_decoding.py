"""Bodies in base64, and forms of browsers, cut anywhere."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator

import pytest

from kztasks.api.decoding import base64_decoded
from kztasks.api.form import MAX_FIELD_BYTES, MAX_PARTS, FormFile, read_form
from kztasks.api.refusals import BadField, BodyTooLarge

CSV = b"a,b\r\n1,2\r\n" * 100


async def cut(data: bytes, size: int) -> AsyncIterator[bytes]:
    for start in range(0, len(data), size):
        yield data[start : start + size]


async def decoded(data: bytes, size: int = 7) -> bytes:
    return b"".join([piece async for piece in base64_decoded(cut(data, size))])


@pytest.mark.parametrize("size", [1, 2, 3, 5, 64, 100_000])
@pytest.mark.parametrize("encode", [base64.b64encode, base64.encodebytes])
async def test_base64_is_decoded_wherever_it_is_cut(size: int, encode: object) -> None:
    assert callable(encode)
    assert await decoded(encode(CSV), size) == CSV


@pytest.mark.parametrize("data", [b"YWI", b"YW%=", b"YQ==YQ==", b"=", b"YWJj\x00"])
async def test_what_is_no_base64_is_refused(data: bytes) -> None:
    with pytest.raises(BadField):
        await decoded(data, 100)
    with pytest.raises(BadField):
        await decoded(data, 4)


def form(*parts: tuple[str, bytes], end: bytes = b"--B--\r\n") -> bytes:
    pieces = [f"--B\r\n{header}\r\n\r\n".encode() + content + b"\r\n" for header, content in parts]
    return b"".join(pieces) + end


def field(name: str, content: bytes) -> tuple[str, bytes]:
    return f'Content-Disposition: form-data; name="{name}"', content


def upload(content: bytes = CSV, file_name: str = "in.csv") -> tuple[str, bytes]:
    header = f'Content-Disposition: form-data; name="file"; filename="{file_name}"'
    return f"{header}\r\nContent-Type: text/csv", content


async def read(body: bytes, size: int = 1000, limit: int = 10_000) -> FormFile | None:
    return await read_form(cut(body, size), b"B", limit=limit)


async def content(file: FormFile | None) -> bytes:
    assert file is not None
    return b"".join([piece async for piece in file.chunks])


@pytest.mark.parametrize("size", [1, 10, 37, 100_000])
async def test_the_file_of_a_form_comes_as_it_was_chosen(size: int) -> None:
    body = form(field("file_name", "näme.csv".encode()), upload(), field("after", b"x"))
    file = await read(body, size)

    assert await content(file) == CSV
    assert file is not None
    assert file.file_name == "in.csv"
    assert file.fields == {"file_name": "näme.csv"}


async def test_only_the_first_file_counts() -> None:
    assert await content(await read(form(upload(b"first"), upload(b"second")))) == b"first"


@pytest.mark.parametrize("body", [form(field("a", b"b")), form(upload(b"", file_name=""))])
async def test_a_form_without_a_file_has_none(body: bytes) -> None:
    assert await read(body) is None


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"nonsense",
        b"--B\r\n",
        form(upload(), end=b""),
        form(("Content-Disposition form-data", b"x")),
        form((f"X: {'y' * 100_000}", b"x")),
    ],
)
async def test_a_broken_form_is_refused(body: bytes) -> None:
    with pytest.raises(BadField):
        await content(await read(body, limit=1_000_000))


async def test_parts_fields_and_the_whole_are_bounded() -> None:
    many = form(*[field(f"f{n}", b"x") for n in range(MAX_PARTS + 1)])
    long = form(field("f", b"x" * (MAX_FIELD_BYTES + 1)))
    for body in (many, long):
        with pytest.raises(BadField):
            await read(body)
    with pytest.raises(BodyTooLarge):
        await content(await read(form(upload(b"x" * 20_000))))
