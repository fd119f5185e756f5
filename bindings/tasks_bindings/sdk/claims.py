"""Actions that an instance claims and does not get, because another app serves them differently."""

from __future__ import annotations

from typing import Final

import structlog

from tasks_bindings.wire.claims import Claims, RefusedClaim

_log = structlog.get_logger(__name__)

FORGET_S: Final = 15.0
"""Refusals that nobody has repeated for so long count no more; schedulers repeat them every 4 s."""


class RefusedClaims:
    """What schedulers have said of one instance's claims.

    Args:
        app: the app's name, for the log.
    """

    def __init__(self, app: str) -> None:
        self._app = app
        self._refused: frozenset[RefusedClaim] = frozenset()
        self._heard_at = 0.0

    def heard(self, claims: Claims, now: float) -> None:
        """Note what a scheduler has said, at `now` on this process's monotonic clock."""
        before, self._refused = self._refused, frozenset(claims.refused)
        self._heard_at = now
        for one in self._refused - before:
            _log.error(
                "claim_refused",
                app=self._app,
                category=one.category,
                action=one.action,
                serving=one.serving,
                why="another app serves this action with different metadata",
            )
        for one in before - self._refused:
            _log.info("claim_accepted", app=self._app, category=one.category, action=one.action)

    def sentences(self, now: float) -> list[str]:
        """One sentence for each claim that is refused at `now`."""
        if now - self._heard_at > FORGET_S:
            return []
        return sorted(
            f"tasks.{one.category}.{one.action} is refused: the app {one.serving} serves it with "
            "different metadata"
            for one in self._refused
        )
