"""Tells what creation would say of an input, and which rows would fail; nothing is stored."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from pydantic import JsonValue
from starlette.requests import ClientDisconnect

from kztasks.api.catalogue import Catalogue
from kztasks.api.config import ApiSettings
from kztasks.api.creation import Order
from kztasks.api.submission import RequestBody
from kztasks.api.upload import rows_of
from kztasks.api.upload_check import with_input, without_input
from kztasks.api.verification import UnsendableRow, Verdict, Verifications
from tasks_bindings.wire.verification import CellFailure

T = TypeVar("T")

Validity = dict[str, JsonValue]


class Validator:
    """Dry runs of creations."""

    def __init__(
        self, catalogue: Catalogue, verifications: Verifications, settings: ApiSettings
    ) -> None:
        self._catalogue = catalogue
        self._verifications = verifications
        self._settings = settings

    async def validate(self, order: Order, body: RequestBody) -> Validity:
        """Check all that creation checks, and have every row verified.

        Returns:
            What the client is told: whether rows were verified, and which of them would fail.
            They are no refusal, as creation would take them too.

        Raises:
            KztasksError: as creation raises.
            CsvError: the same.
            AppUnavailable: the app that serves the action did not verify the rows.
            ClientDisconnect: the client has left.
        """
        kind = await self._catalogue.kind(order.category, order.action)
        submission = await body.submission()
        if submission.chunks is None:
            without_input(kind.metadata)
            return _validity(None, (), Verdict())
        check = with_input(kind.metadata, self._settings.csv, from_records=submission.from_records)
        async with self._verifications.of(kind) as verification:
            chunks, limit = submission.chunks, self._settings.max_upload_bytes
            async for rows in rows_of(chunks, check, limit=limit):
                if not check.is_refused:
                    await verification.take(check.columns, rows)
            checked = check.finish()
            verdict = await _while_connected(body, verification.finish())
        return _validity(checked.rows, checked.columns, verdict)


async def _while_connected(body: RequestBody, work: Coroutine[Any, Any, T]) -> T:
    """Work on an answer as long as there is somebody to give it to."""
    working = asyncio.ensure_future(work)
    leaving = asyncio.ensure_future(body.client_left())
    try:
        await asyncio.wait({working, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            leaving.result()
            raise ClientDisconnect
        return working.result()
    finally:
        working.cancel()
        leaving.cancel()
        await asyncio.gather(working, leaving, return_exceptions=True)


def _validity(rows: int | None, columns: tuple[str, ...], verdict: Verdict | None) -> Validity:
    return {
        "valid": True,
        "rows": rows,
        "columns": [*columns],
        "verified": verdict is not None,
        "failed_rows": verdict.failed_rows if verdict else None,
        "failed_cells": verdict.failed_cells if verdict else None,
        "failures": [_shown(one) for one in verdict.failures] if verdict else [],
    }


def _shown(failure: CellFailure | UnsendableRow) -> JsonValue:
    if isinstance(failure, CellFailure):
        return failure.model_dump()
    return {
        "row": failure.row,
        "column": None,
        "value": None,
        "rule": "too_large",
        "message": "the row does not fit into a message; a task would end before it",
    }
