"""What we have to answer to a case: the original's answer, with all rules."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from tests.compatibility.loose import seen
from tests.compatibility.original import run
from tests.compatibility.original.case import Answer, Case
from tests.compatibility.recorded import CASES
from tests.compatibility.rules import ALL


def expected(case: Case) -> Answer:
    """The answer of the model."""
    return as_seen(run(case, ALL))


def as_seen(answer: Answer) -> Answer:
    """With iterators as they are after they were JSON."""
    hooks: dict[str, Any] = {
        name: [seen(one) for one in getattr(answer, name)]
        for name in ("finish_calls", "cleanup_calls")
    }
    return replace(answer, calls=[(seen(one), args) for one, args in answer.calls], **hooks)


def is_refused(case: Case) -> bool:
    """Whether its CSV never becomes a task."""
    return expected(case).status == "refused"


ACCEPTED: Final = [case for case, _ in CASES if not is_refused(case)]
REFUSED: Final = [case for case, _ in CASES if is_refused(case)]
