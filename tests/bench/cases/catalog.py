"""Every case, in the order in which they run."""

from __future__ import annotations

from typing import Final

from tests.bench.cases import answers, fan_out, front, many, memory, rows

CASES: Final = (
    *rows.CASES,
    *fan_out.CASES,
    *many.CASES,
    *front.CASES,
    *answers.CASES,
    *memory.CASES,
)
