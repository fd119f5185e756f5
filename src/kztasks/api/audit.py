"""Writes down who did what to which task, in the log and in the store."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import structlog

from kztasks.api.access import Access
from kztasks.domain.gregorian import from_unix
from kztasks.errors import KztasksError
from kztasks.store.access_records import AuditEntry
from kztasks.store.interface import AuditStore

_log = structlog.get_logger(__name__)

OK: Final = "ok"


class Auditor:
    """Who did what.

    Args:
        store: where entries are kept.
        clock: Unix seconds.
    """

    def __init__(self, store: AuditStore, clock: Callable[[], float]) -> None:
        self._store = store
        self._clock = clock

    async def note(
        self, access: Access, event: str, *, task_id: str | None = None, outcome: str = OK
    ) -> None:
        """Write an entry about what was done, or refused, just now.

        It has happened by then, so an entry that cannot be stored is an error in the log alone.
        """
        entry = AuditEntry(
            at=from_unix(self._clock()),
            event=event,
            outcome=outcome,
            account_id=access.target.account_id,
            auth_account_id=access.caller.account_id,
            task_id=task_id,
            request_id=access.request_id,
            client=access.client,
        )
        _log.info(
            event,
            task_id=task_id,
            account_id=entry.account_id,
            auth_account_id=entry.auth_account_id,
            outcome=outcome,
        )
        try:
            await self._store.add(entry)
        except KztasksError:
            _log.exception("audit_not_stored", audited=event, task_id=task_id)
