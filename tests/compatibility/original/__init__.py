"""The original as a model: what Kazoo's workers do, their defects included.

It is proved by what the original program was recorded to answer (`data`), and then changed by the
rules that say where we differ, which gives what we have to answer.
"""

from __future__ import annotations

from tests.compatibility.original.case import Answer, Case
from tests.compatibility.original.csv_worker import CsvRun
from tests.compatibility.original.noinput_worker import NoinputRun
from tests.compatibility.rules import Rule


def run(case: Case, on: frozenset[Rule]) -> Answer:
    """What comes of a run, with these rules changed."""
    return (NoinputRun if case.csv is None else CsvRun)(case, on).run()


def rules_of(case: Case) -> list[Rule]:
    """The rules that change what comes of a run, switched on one after another."""
    on: frozenset[Rule] = frozenset()
    before, changed = run(case, on), []
    for rule in Rule:
        on |= {rule}
        after = run(case, on)
        if after != before:
            changed.append(rule)
        before = after
    return changed
