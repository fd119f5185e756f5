"""What Kazoo's own program did with 298 tasks, recorded from it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

import pytest

from tests.compatibility.original.case import Answer, Case, answer_of, case_of

DATA: Final = Path(__file__).parent / "data"


def _load(name: str) -> list[tuple[Case, Answer]]:
    vectors = json.loads((DATA / f"{name}.json").read_text())
    for vector in vectors:
        vector["name"] = f"{name}/{vector['name']}"
    return [(case_of(vector), answer_of(vector)) for vector in vectors]


CASES: Final = _load("worker") + _load("noinput")
RECORDED: Final = [pytest.param(case, answer, id=case.name) for case, answer in CASES]
