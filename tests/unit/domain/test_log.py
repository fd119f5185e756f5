"""The checksum of a log record covers all that it decides, and the record before it."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kztasks.domain.header import csv_header, whole_header
from kztasks.domain.log import ROOT_SHA, EndCause, LogRecord, RecordKind, is_sealed, seal
from kztasks.domain.task import AttachedFile

RECORD = LogRecord(
    task_id="t",
    seq=3,
    epoch=1,
    kind=RecordKind.BATCH,
    offset=100,
    line=12,
    row=10,
    data='{"sum": 3}',
    failed=1,
    succeeded=9,
    header=csv_header(("a",), ("b",)),
    columns=(0, 2),
    written=(0, 2),
    output=b'"1"\n',
    cause=EndCause.CRASHED,
    reason="why",
    app="skel/1/abc",
)

DECIDED: dict[str, Any] = {
    "task_id": "u",
    "seq": 4,
    "kind": RecordKind.END,
    "offset": 101,
    "line": 13,
    "row": 11,
    "data": None,
    "failed": 2,
    "succeeded": 10,
    "header": whole_header(("a", "b")),
    "columns": (0, 1),
    "written": (0,),
    "output": b'"2"\n',
    "attached": AttachedFile(name="a.csv", file_id="2", size=1, sha256="1f"),
    "failed_rows": (12,),
    "failed_lines": (0,),
    "cause": None,
    "reason": None,
}
NOT_DECIDED: dict[str, Any] = {"epoch": 2, "attempts": 2, "app": "skel/1/def"}
"""Two owners that did the same work wrote the same record."""


def test_every_field_is_either_decided_or_not() -> None:
    names = {field.name for field in fields(LogRecord)}
    assert names == DECIDED.keys() | NOT_DECIDED.keys() | {"sha"}


@pytest.mark.parametrize("field", DECIDED)
def test_a_changed_field_breaks_the_seal(field: str) -> None:
    sealed = seal(RECORD, ROOT_SHA)

    assert is_sealed(sealed, ROOT_SHA)
    assert not is_sealed(replace(sealed, **{field: DECIDED[field]}), ROOT_SHA)


@pytest.mark.parametrize("field", NOT_DECIDED)
def test_who_ran_the_rows_and_how_often_does_not_break_it(field: str) -> None:
    sealed = seal(RECORD, ROOT_SHA)
    assert is_sealed(replace(sealed, **{field: NOT_DECIDED[field]}), ROOT_SHA)


def test_a_record_after_another_predecessor_is_not_sealed() -> None:
    first = seal(RECORD, ROOT_SHA)
    second = seal(replace(RECORD, seq=4), first.sha)

    assert is_sealed(second, first.sha)
    assert not is_sealed(second, ROOT_SHA)
    assert not is_sealed(replace(second, sha=first.sha), first.sha)


@given(
    one=st.tuples(st.none() | st.text(), st.none() | st.text(), st.binary()),
    other=st.tuples(st.none() | st.text(), st.none() | st.text(), st.binary()),
)
def test_no_two_contents_share_a_checksum(
    one: tuple[str | None, str | None, bytes], other: tuple[str | None, str | None, bytes]
) -> None:
    shas = [
        seal(replace(RECORD, data=data, reason=reason, output=output), ROOT_SHA).sha
        for data, reason, output in (one, other)
    ]
    assert (shas[0] == shas[1]) == (one == other)
