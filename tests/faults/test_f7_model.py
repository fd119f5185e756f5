"""F7: the real code of several owners, step by step, in any order that Hypothesis can think of."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Final

import pytest

from tests.faults.harness.lab import Lab
from tests.faults.harness.matrix import SCALES, matrix_row
from tests.faults.harness.summary import MatrixRow
from tests.faults.model.children import CORES, run_all
from tests.faults.model.mutants import MUTANTS

MODEL: Final = MatrixRow(
    "F7",
    "three owners of one task in any order: pauses, lost answers, double, late and false replies, "
    "deaths, take-overs, releases, stops",
    "every row once and in order, each built on the run before it, one end, one final state",
)
GUARDS: Final = MatrixRow(
    "F7-mutants",
    "a guard of the log is taken away",
    "the model notices every one of them",
)
SOUND: Final = 100
"""Examples of the whole code that have to hold before a mutant is worth anything."""
COUNTED: Final = ("examples", "steps", "schedulers", "rescues", "records")


@dataclass(frozen=True, slots=True)
class Examples:
    examples: int = field(metadata={SCALES: True})


@dataclass(frozen=True, slots=True)
class Mutants:
    mutants: int = field(metadata={SCALES: True})


@pytest.mark.parametrize("name", sorted(MUTANTS))
def test_each_guard_of_the_model_is_in_the_code_as_it_is(name: str) -> None:
    with MUTANTS[name].applied():
        pass


@matrix_row(MODEL, full=Examples(10_000), full_s=1_200, quick=Examples(300), quick_s=120)
async def test_the_log_is_right_in_whatever_order_its_owners_come(lab: Lab, size: Examples) -> None:
    each = max(1, size.examples // CORES)
    said = await run_all(
        ["--examples", str(each), "--seed", str(lab.seed + number)] for number in range(CORES)
    )
    total = Counter[str]()
    for one in said:
        total.update({name: one.figures.get(name, 0) for name in COUNTED})
    lab.figures |= dict(total)
    assert all(one.found is None for one in said), "\n".join(one.errors[-6000:] for one in said)


@matrix_row(GUARDS, full=Mutants(len(MUTANTS)), full_s=1_200, quick=Mutants(4), quick_s=180)
async def test_the_model_notices_every_guard_that_is_taken_away(lab: Lab, size: Mutants) -> None:
    names = lab.random.sample(sorted(MUTANTS), size.mutants)
    (sound,) = await run_all([["--examples", str(SOUND), "--seed", str(lab.seed)]])
    assert sound.found is None, f"nothing was taken away: {sound.found}"
    said = await run_all(
        ["--mutant", name, "--examples", str(MUTANTS[name].examples), "--seed", str(lab.seed)]
        for name in names
    )
    missed = [name for name, one in zip(names, said, strict=True) if one.found is None]
    slowest = max(one.figures.get("examples", 0) for one in said)
    lab.figures |= {"mutants": len(names), "missed": missed, "most_examples": slowest}
    assert not missed, [MUTANTS[name].guard for name in missed]
