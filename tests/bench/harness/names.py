"""Names of contenders, as they stand in results, tables and plots."""

from __future__ import annotations

from typing import Final

KZTASKS: Final = "kztasks"
PLAIN: Final = "plain loop"
CELERY_ROWS: Final = "Celery, a task per row"
CELERY_BATCHES: Final = "Celery by hand, 1,000 rows a task"
DRAMATIQ: Final = "dramatiq, a message per row"
FIRST_PROGRESS: Final = "first progress"
STOP: Final = "stop"


def processes(count: int) -> str:
    """The cluster with so many processes of the app."""
    return f"{count} app process{'es' if count > 1 else ''}"
