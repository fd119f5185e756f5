"""An upload by a browser's form (`multipart/form-data`, RFC 7578), in constant memory."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from email.message import Message
from typing import Final

from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import MultipartParser

from kztasks.api.refusals import BadField, BodyTooLarge

MAX_PARTS: Final = 16
MAX_FIELD_BYTES: Final = 4096


@dataclass(frozen=True, slots=True)
class FormFile:
    """The file of a form, its content not read yet, and the fields that stand before it."""

    file_name: str
    fields: Mapping[str, str]
    chunks: AsyncIterator[bytes]


@dataclass(slots=True)
class _Part:
    """One part; it is a file if its header has a file name."""

    header: dict[str, bytearray] = field(default_factory=dict)
    name: str = ""
    file_name: str | None = None
    content: bytearray = field(default_factory=bytearray)

    def read_header(self) -> None:
        parsed = Message()
        raw = bytes(self.header.get("content-disposition", b"")).decode("utf-8", "replace")
        parsed["content-disposition"] = raw.replace("\r", " ").replace("\n", " ")
        self.name = _text(parsed.get_param("name", "", "content-disposition"))
        self.file_name = parsed.get_filename()


async def read_form(
    chunks: AsyncIterator[bytes], boundary: bytes, *, limit: int
) -> FormFile | None:
    """Read a form up to where its first file begins; `None` if it has none.

    A browser sends an empty file without a name for an input that was left empty; that is none.

    Args:
        chunks: the body, cut anywhere.
        boundary: what divides its parts.
        limit: bytes of the body at most.

    Raises:
        BadField: this is no form, or it has too many parts or too long fields.
        BodyTooLarge: it is over the limit, also while the file is being read.
    """
    parts = _Parts(boundary)
    pieces = _within(chunks, limit)
    while parts.file is None:
        chunk = await anext(pieces, None)
        if chunk is None:
            parts.finish()
            return None
        parts.feed(chunk)
    return FormFile(parts.file, parts.fields, _content(parts, pieces))


async def _content(parts: _Parts, pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield parts.taken()
    async for chunk in pieces:
        parts.feed(chunk)
        if content := parts.taken():
            yield content
    parts.finish()


async def _within(chunks: AsyncIterator[bytes], limit: int) -> AsyncIterator[bytes]:
    size = 0
    async for chunk in chunks:
        size += len(chunk)
        if size > limit:
            raise BodyTooLarge(limit)
        yield chunk


class _Parts:
    """Sorts what the parser finds: fields are kept, the first file is handed on."""

    def __init__(self, boundary: bytes) -> None:
        self.fields: dict[str, str] = {}
        self.file: str | None = None
        self._content = bytearray()
        self._part = _Part()
        self._header_name = bytearray()
        self._seen = 0
        self._is_complete = False
        self._reads_file = False
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._begin,
                "on_header_begin": self._header_name.clear,
                "on_header_field": self._named,
                "on_header_value": self._valued,
                "on_headers_finished": self._header_read,
                "on_part_data": self._data,
                "on_part_end": self._end,
                "on_end": self._complete,
            },
        )

    def feed(self, chunk: bytes) -> None:
        """Take the next bytes of the body."""
        try:
            self._parser.write(chunk)
        except MultipartParseError as error:
            raise _bad_form() from error

    def finish(self) -> None:
        """Say that this was all."""
        if not self._is_complete:
            raise _bad_form()

    def taken(self) -> bytes:
        """Content of the file that came since the last call."""
        content = bytes(self._content)
        self._content.clear()
        return content

    def _begin(self) -> None:
        self._seen += 1
        if self._seen > MAX_PARTS:
            raise BadField("form", "maxItems", "The form has too many parts", target=MAX_PARTS)
        self._part = _Part()

    def _named(self, data: bytes, start: int, end: int) -> None:
        self._header_name += data[start:end]

    def _valued(self, data: bytes, start: int, end: int) -> None:
        name = self._header_name.decode("latin-1").lower()
        self._part.header.setdefault(name, bytearray()).extend(data[start:end])

    def _header_read(self) -> None:
        self._part.read_header()
        if self.file is None and self._part.file_name:
            self.file = self._part.file_name
            self._reads_file = True

    def _data(self, data: bytes, start: int, end: int) -> None:
        if self._reads_file:
            self._content += data[start:end]
        elif self.file is None and self._part.file_name is None:
            self._part.content += data[start:end]
            if len(self._part.content) > MAX_FIELD_BYTES:
                raise BadField(
                    "form", "maxLength", "A field of the form is too long", target=MAX_FIELD_BYTES
                )

    def _end(self) -> None:
        self._reads_file = False
        if self.file is None and self._part.file_name is None and self._part.name:
            self.fields[self._part.name] = self._part.content.decode("utf-8", "replace")

    def _complete(self) -> None:
        self._is_complete = True


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _bad_form() -> BadField:
    return BadField("form", "invalid", "The body is no multipart/form-data", target="body")
