"""Structured logging of every process: one event a line, with what it is about as fields.

Context (task id, account, node, batch) is bound as context variables where it is known and stands
on each line that is logged below.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping
from typing import Any

import structlog
from structlog.typing import EventDict, Processor


def configure_logging(*, json: bool, level: str, fixed: Mapping[str, str]) -> None:
    """Set up structlog and the standard library's loggers alike, to standard error.

    Args:
        json: one JSON object a line; otherwise lines for people.
        level: least level to log, such as `info`.
        fixed: fields for every line of this process, such as service and node.
    """
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        _Fixed(fixed),
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="ts"),
    ]
    renderer: list[Processor] = (
        [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
        if json
        else [structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())]
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *renderer],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for chatty in ("pymongo", "asyncio"):
        logging.getLogger(chatty).setLevel(max(logging.WARNING, root.level))
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(root.level),
        cache_logger_on_first_use=True,
    )


class _Fixed:
    """A processor that puts the same fields on every line."""

    def __init__(self, fields: Mapping[str, str]) -> None:
        self._fields = dict(fields)

    def __call__(self, _logger: Any, _method: str, event: EventDict) -> EventDict:
        return {**self._fields, **event}
