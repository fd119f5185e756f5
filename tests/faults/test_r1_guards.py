"""R1: guards are taken away one by one; each time a test has to turn red."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from tests.faults.harness.lab import Lab
from tests.faults.harness.matrix import SCALES, matrix_row
from tests.faults.harness.summary import MatrixRow
from tests.faults.mutants.edge import EDGE
from tests.faults.mutants.engine import ENGINE
from tests.faults.mutants.mutation import PASSED, WHOLE_S, Mutation, Outcome, Tree, unfit
from tests.faults.mutants.ownership import OWNERSHIP

ROW: Final = MatrixRow(
    "R1",
    "a guard is taken away in a copy of the code",
    "one of the tests that are named for it turns red; without the change all of them pass",
)
MUTATIONS: Final = (*ENGINE, *OWNERSHIP, *EDGE)
AT_ONCE: Final = 2


@dataclass(frozen=True, slots=True)
class Guards:
    guards: int = field(metadata={SCALES: True})


def test_each_guard_is_in_the_code_as_it_is() -> None:
    assert not [sentence for one in MUTATIONS for sentence in unfit(one)]


def test_each_guard_has_a_name_of_its_own() -> None:
    names = [one.guard for one in MUTATIONS]
    assert len(set(names)) == len(names)


@matrix_row(ROW, full=Guards(len(MUTATIONS)), full_s=1_800, quick=Guards(1), quick_s=240)
async def test_no_guard_can_be_taken_away_unnoticed(lab: Lab, size: Guards) -> None:
    chosen = lab.random.sample(MUTATIONS, min(size.guards, len(MUTATIONS)))
    trees = [Tree(lab.folder / f"tree-{number}") for number in range(AT_ONCE)]
    named = sorted({test for one in chosen for test in one.tests})
    status, said = await trees[0].run(named, WHOLE_S)
    assert status == PASSED, said
    outcomes = await _try_out(trees, chosen)
    missed = [one.mutation.guard for one in outcomes if one.status == PASSED]
    broken = [one for one in outcomes if not one.is_noticed and one.status != PASSED]
    lab.figures |= {"guards": len(outcomes), "missed": missed, "tests": len(named)}
    assert not broken, "\n".join(f"{one.mutation.guard}: {one.said}" for one in broken)
    assert not missed, missed


async def _try_out(trees: Sequence[Tree], mutations: Sequence[Mutation]) -> list[Outcome]:
    due, outcomes = list(mutations), list[Outcome]()

    async def work(tree: Tree) -> None:
        while due:
            outcomes.append(await tree.try_out(due.pop()))

    async with asyncio.TaskGroup() as group:
        for tree in trees:
            group.create_task(work(tree))
    return outcomes
