"""What a client sends along with a new task: a CSV, JSON records, or nothing."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final

from pydantic import JsonValue
from starlette.datastructures import Headers

from kztasks.api.content import BodyKind, body_kind
from kztasks.api.deps import ApiSettings
from kztasks.api.jsonbody import data_of, read_bounded
from kztasks.api.refusals import BadField, BodyTooLarge
from kztasks.csvio import Row, encode_row, encode_rows, records_to_rows

MAX_FILE_NAME_CHARS: Final = 255

_ROWS_AT_ONCE: Final = 1000
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class Submission:
    """The input of a new task; `chunks` are the bytes of a CSV, `None` if there is no input."""

    file_name: str | None
    chunks: AsyncIterator[bytes] | None
    from_records: bool = False


class RequestBody:
    """The body of a create request, not yet read. The header alone is judged at once.

    Args:
        headers: of the request.
        chunks: the body, cut anywhere.
        file_name: from the query.
        settings: limits on the size.

    Raises:
        UnsupportedContent: a type that is not read here.
        BodyTooLarge: the declared length is over the limit.
    """

    def __init__(
        self,
        headers: Headers,
        chunks: AsyncIterator[bytes],
        *,
        file_name: str | None,
        settings: ApiSettings,
    ) -> None:
        self._kind = body_kind(headers)
        self._chunks = chunks
        self._file_name = file_name
        self._limit = (
            settings.max_upload_bytes if self._kind is BodyKind.CSV else settings.max_json_bytes
        )
        declared = headers.get("content-length", "")
        if declared.isdecimal() and int(declared) > self._limit:
            raise BodyTooLarge(self._limit)

    async def submission(self) -> Submission:
        """Read as much as tells what was sent: of a CSV the first bytes, of JSON all.

        Raises:
            BadField: bad JSON, records that are no list of objects, or a bad file name.
            BodyTooLarge: JSON over the limit.
        """
        if self._kind is BodyKind.CSV:
            return Submission(_file_name(self._file_name), await _unless_empty(self._chunks))
        body = await read_bounded(self._chunks, self._limit)
        data = await asyncio.to_thread(data_of, body)
        fields = data if isinstance(data, dict) else {}
        file_name = _file_name(fields.get("file_name") or self._file_name)
        records = _records(fields.get("records"))
        if not records:
            return Submission(file_name, None)
        header, rows = await asyncio.to_thread(records_to_rows, records)
        return Submission(file_name, _encoded(header, rows), from_records=True)


async def _unless_empty(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes] | None:
    async for chunk in chunks:
        if chunk:
            return _continued(chunk, chunks)
    return None


async def _continued(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for chunk in rest:
        yield chunk


async def _encoded(header: list[str], rows: list[Row]) -> AsyncIterator[bytes]:
    if not header:
        yield b"\n"
        return
    yield encode_row([*header])
    for start in range(0, len(rows), _ROWS_AT_ONCE):
        batch = rows[start : start + _ROWS_AT_ONCE]
        if len(header) == 1:  # an undefined cell alone would be a blank line and so no row
            batch = [[cell or ""] for (cell,) in batch]
        yield encode_rows(batch)


def _records(value: JsonValue) -> list[dict[str, JsonValue]]:
    if value is None:
        return []
    if not isinstance(value, list):
        raise BadField("records", "type", "Value did not match type(s): array", target="array")
    records: list[dict[str, JsonValue]] = []
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
