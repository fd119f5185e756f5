"""Commit a record: insert it until the store has it, and say whose record stands there."""

from __future__ import annotations

import asyncio
from typing import Final

import structlog

from kztasks.domain.log import LogRecord
from kztasks.errors import StoreUnavailable
from kztasks.store.interface import LogStore
from tasks_bindings.crash_points import reached

_log = structlog.get_logger(__name__)

FIRST_BACKOFF_S: Final = 0.1
MAX_BACKOFF_S: Final = 5.0


async def commit(log: LogStore, record: LogRecord) -> LogRecord:
    """Make a record durable under its task and seq.

    The same insert is repeated while the store does not answer: either it is new, or what stands
    there is this very record, or a rival's, which is adopted. There is no fourth case.

    Returns:
        The record that the log has at this seq.
    """
    backoff = FIRST_BACKOFF_S
    while True:
        try:
            reached("commit:asked")
            committed = await log.append(record)
            reached("commit:answered")
        except StoreUnavailable as error:
            _log.warning("commit_not_confirmed", batch=record.seq, why=str(error))
            await asyncio.sleep(backoff)
            backoff = min(backoff * 2, MAX_BACKOFF_S)
        else:
            if committed.sha != record.sha:
                _log.info("record_adopted", batch=record.seq, epoch=committed.epoch)
            return committed
