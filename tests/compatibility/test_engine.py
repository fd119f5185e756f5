"""The running engine answers as the original does, but for the rules that say where we differ."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from kztasks.csvio import CsvError, CsvReader
from kztasks.scheduler import rows
from kztasks.store.mongo import MongoStore
from tests.compatibility.loose import seen
from tests.compatibility.original import run
from tests.compatibility.original.case import Answer, Case
from tests.compatibility.recorded import CASES, RECORDED
from tests.compatibility.rules import ALL
from tests.compatibility.running import Running

pytestmark = pytest.mark.store

REFUSED = {case.name for case, _ in CASES if run(case, ALL).status == "refused"}


@pytest.fixture(scope="session")
def answers(store_url: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Answer]:
    """What the engine answers to all cases that get as far as an engine, run beside each other."""
    cases = [case for case, _ in CASES if case.name not in REFUSED]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rows, "STOP_PATIENCE_S", 0.5)
        return asyncio.run(_run(store_url, tmp_path_factory.mktemp("compatibility"), cases))


async def _run(store_url: str, folder: Path, cases: list[Case]) -> dict[str, Answer]:
    store = MongoStore(store_url, f"kztasks_test_{uuid4().hex}")
    await store.prepare()
    try:
        return await Running(store, folder, cases).answers()
    finally:
        await store._client.drop_database(store._database.name)
        await store.close()


def as_seen(answer: Answer) -> Answer:
    """With iterators as they are after they were JSON."""
    hooks: dict[str, Any] = {
        name: [seen(one) for one in getattr(answer, name)]
        for name in ("finish_calls", "cleanup_calls")
    }
    return replace(answer, calls=[(seen(one), args) for one, args in answer.calls], **hooks)


@pytest.mark.parametrize(("case", "_answer"), RECORDED)
def test_a_task_comes_out_as_in_the_original_but_for_the_rules(
    case: Case, _answer: Answer, answers: dict[str, Answer]
) -> None:
    if case.name in REFUSED:
        with pytest.raises(CsvError):
            refuse(case)
    else:
        assert as_seen(answers[case.name]) == as_seen(run(case, ALL))


def refuse(case: Case) -> None:
    """Read a CSV as it is read when it is uploaded."""
    assert case.csv is not None
    reader = CsvReader()
    reader.feed(case.csv.encode())
    reader.close()
    reader.read_header()
    while not reader.at_end:
        reader.take(1000)
