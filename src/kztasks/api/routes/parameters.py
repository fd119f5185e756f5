"""Parameters of routes for the OpenAPI document; their values are read from query and body."""

from __future__ import annotations

from typing import Any, Final

from kztasks.domain.schedule import Missed, Overlap

Parameter = dict[str, Any]


def _query(name: str, schema: dict[str, Any], description: str, **more: Any) -> Parameter:
    return {
        "name": name, "in": "query", "required": False, "schema": schema,
        "description": description, **more,
    }  # fmt: skip


def _header(name: str, schema: dict[str, Any], description: str, **more: Any) -> Parameter:
    return {**_query(name, schema, description, **more), "in": "header"}


_TEXT: Final = {"type": "string"}
_FLAG: Final = {"type": "boolean"}
_SECONDS: Final = {"type": "integer", "minimum": 0, "maximum": 999_999_999_999}

CATEGORY: Final = _query("category", _TEXT, "Category of the task.", example="number_management")
ACTION: Final = _query("action", _TEXT, "Action of the category.", example="find")
NEEDED_CATEGORY: Final = {**CATEGORY, "required": True}
NEEDED_ACTION: Final = {**ACTION, "required": True}
FILE_NAME: Final = _query(
    "file_name", {"type": "string", "maxLength": 255}, "Name of the input, for people."
)
START: Final = _query("start", _FLAG, "Start the task at once.")
VALIDATE_ONLY: Final = _query(
    "validate_only",
    _FLAG,
    "Check all that creation checks, have the app verify every row, and store nothing.",
)
IDEMPOTENCY_KEY: Final = _header(
    "Idempotency-Key",
    {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
    "Asking again under the same key within 24 hours gives the first answer.",
    example="6f1d9c52-1c1b-4a0e-9f0e-1f1f4b0a7a10",
)
PAGE_SIZE: Final = _query(
    "page_size",
    {"type": "integer", "minimum": 1, "maximum": 999_999_999},
    "Tasks on a page; 50 without it.",
)
START_KEY: Final = _query("start_key", _TEXT, "`next_start_key` of the page before.")
PAGINATE: Final = _query("paginate", _FLAG, "`false` gives all tasks in one answer, up to a limit.")
CREATED_FROM: Final = _query("created_from", _SECONDS, "Created then or later, Gregorian seconds.")
CREATED_TO: Final = _query("created_to", _SECONDS, "Created then or before, Gregorian seconds.")
MODIFIED_FROM: Final = _query("modified_from", _SECONDS, "Changed then or later.")
MODIFIED_TO: Final = _query("modified_to", _SECONDS, "Changed then or before.")
FILTER_STATUS: Final = _query(
    "filter_status",
    _TEXT,
    "Only tasks whose field has the value, or is a member of the JSON list. `filter_KEY` and "
    "`filter_not_KEY` work with every field of a task.",
)
HAS_KEY: Final = _query("has_key", _TEXT, "Only tasks that have the field.")
KEY_MISSING: Final = _query("key_missing", _TEXT, "Only tasks that do not have the field.")
ACCEPT: Final = _query("accept", _TEXT, "Wins over the header `Accept`; `csv` stands for text/csv.")
CSV_NAME: Final = _query("csv_name", {"type": "string", "default": "out.csv"}, "Which file.")
SAFE: Final = _query(
    "safe", _FLAG, "Put an apostrophe before cells that a spreadsheet would take for formulas."
)
RANGE: Final = _header("Range", _TEXT, "One range of bytes.", example="bytes=0-1023")
IF_RANGE: Final = _header("If-Range", _TEXT, "The `ETag` of the file that the range is of.")
IF_NONE_MATCH: Final = _header("If-None-Match", _TEXT, "The `ETag` that the client has.")
LAST_EVENT_ID: Final = _header(
    "Last-Event-ID", {"type": "string", "pattern": "^[0-9]{1,15}$"}, "The last event that was seen."
)

LIST: Final = (
    PAGE_SIZE, START_KEY, PAGINATE, CREATED_FROM, CREATED_TO, MODIFIED_FROM, MODIFIED_TO,
    FILTER_STATUS, HAS_KEY, KEY_MISSING, ACCEPT, IF_NONE_MATCH,
)  # fmt: skip
CREATE: Final = (
    NEEDED_CATEGORY, NEEDED_ACTION, FILE_NAME, START, VALIDATE_ONLY, IDEMPOTENCY_KEY,
)  # fmt: skip
CRON: Final = _query(
    "cron",
    {"type": "string", "maxLength": 256},
    "Five fields: minute, hour, day of month, month, day of week. Either this or `at`.",
    example="30 2 * * MON-FRI",
)
TIMEZONE: Final = _query(
    "timezone",
    {"type": "string", "maxLength": 128, "default": "UTC"},
    "Time zone of the expression, by its name in the IANA database.",
    example="Europe/Berlin",
)
AT: Final = _query("at", _SECONDS, "One moment, Gregorian seconds, in place of `cron`.")
OVERLAP: Final = _query(
    "overlap",
    {"type": "string", "enum": [one.value for one in Overlap], "default": "skip"},
    "What becomes of a moment while the task of the one before has not ended.",
)
MISSED: Final = _query(
    "missed",
    {"type": "string", "enum": [one.value for one in Missed], "default": "late"},
    "What becomes of moments at which no scheduler was there: the last one is made up for, or not.",
)
SCHEDULE_NAME: Final = _query("name", {"type": "string", "maxLength": 128}, "For people.")
SCHEDULE_CHANGE: Final = {
    **_query("action", {"type": "string", "enum": ["pause", "resume", "run"]}, "What to do."),
    "required": True,
}
SCHEDULE: Final = (
    NEEDED_CATEGORY, NEEDED_ACTION, CRON, TIMEZONE, AT, OVERLAP, MISSED, SCHEDULE_NAME, FILE_NAME,
)  # fmt: skip
DOWNLOAD: Final = (SAFE, RANGE, IF_RANGE, IF_NONE_MATCH)


def parameters(*some: Parameter) -> dict[str, Any]:
    """As `openapi_extra` of a route."""
    return {"parameters": [dict(one) for one in some]}
