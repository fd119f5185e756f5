"""How many recorded runs each rule changes, as the table in docs/compatibility.md.

`python -m tests.compatibility.counts` prints it.
"""

from __future__ import annotations

import sys
from collections import Counter
from typing import Final

from tests.compatibility.original import rules_of
from tests.compatibility.recorded import CASES
from tests.compatibility.rules import Rule

RULES_OF: Final = {case.name: rules_of(case) for case, _ in CASES}
UNCHANGED: Final = sum(not rules for rules in RULES_OF.values())


def table() -> str:
    """The table of all rules."""
    counts = Counter(rule for rules in RULES_OF.values() for rule in rules)
    rows = [f"| {_name(rule)} | {counts[rule]} | {rule.reason} |" for rule in Rule]
    return "\n".join(["| rule | runs | what we do, and why |", "|---|---|---|", *rows])


def summary() -> str:
    """The sentence above it."""
    total = len(RULES_OF)
    return (
        f"Of {total} recorded runs, {UNCHANGED} come out exactly as in the original, "
        f"{total - UNCHANGED} but for one or more of these rules:"
    )


def _name(rule: Rule) -> str:
    return rule.name.lower().replace("_", " ")


if __name__ == "__main__":
    sys.stdout.write(f"{summary()}\n\n{table()}\n")
