"""Each error's status and body, as a table."""

from __future__ import annotations

import pytest

from kztasks.api import refusals
from kztasks.api.errors import BAD_SHAPE, BAD_SYNTAX, failure_of
from kztasks.csvio import CsvLimits, CsvReader, EmptyHeaderCell, RaggedRow, UnterminatedQuote
from kztasks.csvio.errors import CsvError, LimitExceeded
from kztasks.csvio.limits import Limit
from kztasks.errors import SchedulerUnavailable, StoreUnavailable
from kztasks.kazoo.operations import RemoveRefusal, StartRefusal, StopRefusal

TABLE = [
    (refusals.NotAuthenticated(), 401, "invalid_credentials", {"message": "invalid credentials"}),
    (refusals.Forbidden(), 403, "forbidden", {"message": "forbidden"}),
    (
        refusals.UnknownAccount("A"), 404, "bad_identifier",
        {"message": "bad identifier", "cause": "A"},
    ),
    (
        refusals.MalformedAccount("X"), 404, "bad identifier",
        {"message": "invalid account_id 'X'"},
    ),
    (
        refusals.AccountLocked("A"), 423, "locked",
        {"account": {"disabled": {"message": "account disabled", "cause": "A"}}},
    ),
    (
        refusals.UnknownSchema("M"), 404, "bad_identifier",
        {"message": "bad identifier", "cause": "M"},
    ),
    (refusals.UnknownTask("T"), 404, "bad identifier", ["T"]),
    (refusals.UnknownTaskKind(), 404, "bad identifier", ["unknown_category_action"]),
    (
        refusals.NoSuchFile("T", "out.csv"), 404, "bad_identifier",
        {"message": "bad identifier", "cause": "T"},
    ),
    (
        refusals.FileExpired("T", "out.csv"), 404, "bad_identifier",
        {
            "message": "bad identifier", "cause": "T",
            "reason": "removed after the time that it is kept",
        },
    ),
    (
        refusals.TaskRefused("T", StartRefusal.ALREADY_STARTED), 404, "bad_identifier",
        {"reason": "task already started", "cause": "T", "message": "bad identifier"},
    ),
    (
        refusals.TaskRefused("T", StopRefusal.NOT_RUNNING), 404, "bad_identifier",
        {"reason": "task is not running", "cause": "T", "message": "bad identifier"},
    ),
    (
        refusals.TaskRefused("T", RemoveRefusal.TASK_RUNNING), 404, "bad_identifier",
        {"cause": "T", "message": "bad identifier"},
    ),
    (refusals.MissingKind(), 400, "invalid request", {"message": "invalid request"}),
    (
        refusals.RefusedInput({"missing_mandatory_fields": ["e164"]}), 400, "bad request",
        {"missing_mandatory_fields": ["e164"]},
    ),
    (
        refusals.BadField("json", "invalid", "All JSON must be valid", target="body"),
        400, "validation error",
        {"json": {"invalid": {"message": "All JSON must be valid", "target": "body"}}},
    ),
    (
        refusals.BadField("records.3", "type", "no", target=None), 400, "validation error",
        {"records": {"3": {"type": {"message": "no"}}}},
    ),
    (refusals.BadPageSize(), 404, "faulty_request", {"message": "invalid page size"}),
    (
        refusals.BodyTooLarge(8), 413, "validation error",
        {"file": {"maxSize": {
            "message": "Payload or Files must not be more than 8 bytes", "target": 8,
        }}},
    ),
    (
        refusals.UnsupportedContent("only CSV"), 415, "unsupported_media_type",
        {"message": "only CSV"},
    ),
    (
        SchedulerUnavailable("at amqp://user:secret@host"), 503, "service_unavailable",
        {"message": "service unavailable", "cause": "scheduler_unavailable"},
    ),
    (
        StoreUnavailable("at mongodb://user:secret@host"), 503, "datastore_fault",
        {"message": "service unavailable", "cause": "store_unavailable"},
    ),
    (RuntimeError("secret"), 500, "internal_error", {"message": "internal error"}),
]  # fmt: skip


@pytest.mark.parametrize(
    ("error", "status", "message", "data"), TABLE, ids=[type(row[0]).__name__ for row in TABLE]
)
def test_each_error_has_its_status_and_body(
    error: Exception, status: int, message: str, data: object
) -> None:
    failure = failure_of(error)

    assert (failure.status, failure.message, failure.data) == (status, message, data)


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (RaggedRow(3, expected=2, found=1), BAD_SHAPE),
        (EmptyHeaderCell(1, column=2), BAD_SHAPE),
        (UnterminatedQuote(3), BAD_SYNTAX),
        (LimitExceeded(3, limit=Limit.ROWS, most=2), "The CSV or a part of it is over a limit"),
    ],
)
def test_a_bad_csv_has_kazoos_text_and_names_line_and_rule(error: CsvError, text: str) -> None:
    failure = failure_of(error)

    assert (failure.status, failure.message) == (400, "validation error")
    assert failure.data == {
        "csv": {
            "format": {
                "message": text, "line": error.line, "cause": error.detail, "code": error.code,
            }
        }
    }  # fmt: skip


def test_silence_asks_the_client_to_come_back() -> None:
    assert failure_of(SchedulerUnavailable()).headers["Retry-After"].isdecimal()
    assert failure_of(StoreUnavailable()).headers["Retry-After"].isdecimal()


def test_every_error_of_a_csv_is_covered() -> None:
    reader = CsvReader(CsvLimits())
    reader.close()
    with pytest.raises(CsvError) as caught:
        reader.read_header()

    assert failure_of(caught.value).status == 400
