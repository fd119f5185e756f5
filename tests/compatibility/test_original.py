"""The model of the original answers as the original did, to every recorded run."""

from __future__ import annotations

import pytest

from tests.compatibility.original import run
from tests.compatibility.original.case import Answer, Case
from tests.compatibility.recorded import RECORDED
from tests.compatibility.rules import NONE


@pytest.mark.parametrize(("case", "answer"), RECORDED)
def test_without_any_rule_the_model_is_the_original(case: Case, answer: Answer) -> None:
    assert run(case, NONE) == answer
