"""What a client sends along with a new task: a CSV, JSON records, a form, or nothing."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final, Protocol

from fastapi import Request
from pydantic import JsonValue

from kztasks.api.config import ApiSettings
from kztasks.api.content import BodyKind, body_kind, form_boundary, is_base64
from kztasks.api.decoding import base64_decoded
from kztasks.api.form import FormFile, read_form
from kztasks.api.refusals import BadField, BodyTooLarge
from kztasks.api.values import query_text, values_of
from kztasks.csvio import encode_row, encode_rows, record_columns, record_rows

MAX_FILE_NAME_CHARS: Final = 255

Records = list[dict[str, JsonValue]]

_CELLS_AT_ONCE: Final = 10_000
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")
_FRAME_BYTES: Final = 64 * 1024
"""What a form may have around its file."""


@dataclass(frozen=True, slots=True)
class Submission:
    """The input of a new task; `chunks` are the bytes of a CSV, `None` if there is no input."""

    file_name: str | None
    chunks: AsyncIterator[bytes] | None
    from_records: bool = False


class Body(Protocol):
    """Where the input of a new task comes from."""

    async def submission(self) -> Submission:
        """What there is of it, not yet read."""
        ...


class RequestBody:
    """The body of a create request, not yet read. The header alone is judged at once.

    Args:
        request: of the client.
        settings: limits on the size.

    Raises:
        UnsupportedContent: a type that is not read here.
        BodyTooLarge: the declared length is over the limit.
    """

    def __init__(self, request: Request, settings: ApiSettings) -> None:
        self._request = request
        self._kind = body_kind(request.headers)
        self._is_base64 = self._kind is BodyKind.CSV and is_base64(request.headers)
        self._max_json_bytes = settings.max_json_bytes
        self._max_form_bytes = settings.max_upload_bytes + _FRAME_BYTES
        declared = request.headers.get("content-length", "")
        if declared.isdecimal() and int(declared) > self._most(settings):
            is_json = self._kind is BodyKind.JSON
            raise BodyTooLarge(settings.max_json_bytes if is_json else settings.max_upload_bytes)

    async def submission(self) -> Submission:
        """Read as much as tells what was sent: of a CSV the first bytes, of JSON all.

        Raises:
            BadField: bad JSON, a bad form, records that are no list of objects, or a bad file name.
            BodyTooLarge: JSON over the limit.
        """
        match self._kind:
            case BodyKind.JSON:
                return await self._from_json()
            case BodyKind.FORM:
                return await self._from_form()
            case BodyKind.CSV:
                chunks: AsyncIterator[bytes] = self._request.stream()
                if self._is_base64:
                    chunks = base64_decoded(chunks)
                return Submission(self._name_in_query(), await _unless_empty(chunks))

    async def client_left(self) -> None:
        """Wait until the client has left; to be asked when the whole body was read.

        Raises:
            SlowUpload: something is left of the body, and does not come.
        """
        while (await self._request.receive())["type"] != "http.disconnect":
            pass

    def _most(self, settings: ApiSettings) -> int:
        if self._kind is BodyKind.JSON:
            return settings.max_json_bytes
        if self._kind is BodyKind.FORM:
            return self._max_form_bytes
        if self._is_base64:  # four characters for three bytes, and line ends
            return settings.max_upload_bytes * 3 // 2 + _FRAME_BYTES
        return settings.max_upload_bytes

    async def _from_json(self) -> Submission:
        values = await values_of(self._request, limit=self._max_json_bytes)
        file_name = (
            _file_name(values.data.get("file_name"))
            or self._name_in_query()
            or _file_name(values.envelope.get("file_name"))
        )
        records = _records(values.data.get("records"))
        if not records:
            return Submission(file_name, None)
        header = await asyncio.to_thread(record_columns, records)
        if len(header) * len(records) > self._max_json_bytes:
            raise BadField(
                "records",
                "maxItems",
                "The records have too many cells, those that are missing included",
                target=self._max_json_bytes,
            )
        return Submission(file_name, _encoded(header, records), from_records=True)

    async def _from_form(self) -> Submission:
        file = await read_form(
            self._request.stream(),
            form_boundary(self._request.headers),
            limit=self._max_form_bytes,
        )
        if file is None:
            return Submission(self._name_in_query(), None)
        return Submission(self._name_in_form(file), await _unless_empty(file.chunks))

    def _name_in_form(self, file: FormFile) -> str | None:
        given = _file_name(file.fields.get("file_name")) or self._name_in_query()
        return given or _file_name(_CONTROL.sub("_", file.file_name)[:MAX_FILE_NAME_CHARS])

    def _name_in_query(self) -> str | None:
        return _file_name(query_text("file_name", self._request.query_params))


async def _unless_empty(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes] | None:
    async for chunk in chunks:
        if chunk:
            return _continued(chunk, chunks)
    return None


async def _continued(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for chunk in rest:
        yield chunk


async def _encoded(header: list[str], records: Records) -> AsyncIterator[bytes]:
    if not header:
        yield b"\n"
        return
    yield encode_row([*header])
    at_once = max(1, _CELLS_AT_ONCE // len(header))
    for start in range(0, len(records), at_once):
        yield await asyncio.to_thread(_lines, header, records[start : start + at_once])


def _lines(header: list[str], records: Records) -> bytes:
    rows = record_rows(records, header)
    if len(header) == 1:  # an undefined cell alone would be a blank line and so no row
        rows = [[cell or ""] for (cell,) in rows]
    return encode_rows(rows)


def _records(value: JsonValue) -> Records:
    if value is None:
        return []
    if not isinstance(value, list):
        raise BadField("records", "type", "Value did not match type(s): array", target="array")
    records: Records = []
    for at, record in enumerate(value):
        if not isinstance(record, dict):
            raise BadField(
                f"records.{at}", "type", "Value did not match type(s): object", target="object"
            )
        records.append(record)
    return records


def _file_name(value: JsonValue) -> str | None:
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        raise BadField("file_name", "type", "Value did not match type(s): string", target="string")
    if len(value) > MAX_FILE_NAME_CHARS:
        raise BadField(
            "file_name", "maxLength", "String must not be longer", target=MAX_FILE_NAME_CHARS
        )
    if _CONTROL.search(value):
        raise BadField("file_name", "pattern", "Control characters are not allowed")
    return value
