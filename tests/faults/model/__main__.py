"""Run the model: `python -m tests.faults.model --examples N [--seed S] [--mutant NAME]`.

Prints one JSON object. Exit status 1 where the model found something, which is written to stderr.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
import traceback
from contextlib import ExitStack

from tests.faults.model.mutants import MUTANTS
from tests.faults.model.running import Found, run

EPILOG = "mutants: " + ", ".join(MUTANTS)


def main() -> int:
    """What was asked for on the command line; the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.model", epilog=EPILOG)
    parser.add_argument("--examples", type=int, required=True)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--mutant", choices=sorted(MUTANTS))
    arguments = parser.parse_args()
    began = time.monotonic()
    with ExitStack() as stack:
        if arguments.mutant is not None:
            stack.enter_context(MUTANTS[arguments.mutant].applied())
        found = run(arguments.examples, arguments.seed, shrink=arguments.mutant is None)
    said = {
        **found.counts,
        "seed": arguments.seed,
        "mutant": arguments.mutant,
        "seconds": round(time.monotonic() - began, 1),
        "found": _sentence(found),
    }
    sys.stdout.write(json.dumps(said) + "\n")
    if found.error is not None and arguments.mutant is None:
        traceback.print_exception(found.error)
    return int(found.error is not None)


def _sentence(found: Found) -> str | None:
    return None if found.error is None else (str(found.error).splitlines() or ["?"])[0][:200]


if __name__ == "__main__":
    sys.exit(main())
