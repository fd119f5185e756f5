"""`python -m tests.bench [--case PATTERN] [--scale 0.1] [--rounds 3]`: measure, show, keep.

The exit status is 1 if a case failed, that is if some output was wrong; never for being slow.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Final

from rich.console import Console

from tests.bench.cases.catalog import CASES
from tests.bench.harness.bench import Bench, Case, chosen
from tests.bench.harness.results import FOLDER, RIVALS, CaseResult, Run, about, dump, path_of
from tests.bench.harness.table import terminal, verdict_table
from tests.bench.harness.targets import verdicts
from tests.servers.rabbitmq import Rabbitmq, is_installed

ROUNDS: Final = 3
WIDTH: Final = 130
_OUT: Final = Console(width=None if sys.stdout.isatty() else WIDTH)


def main() -> int:
    """Run the cases; the exit status."""
    options = _options()
    cases = chosen(CASES, options.case)
    if not is_installed():
        raise SystemExit("rabbitmq-server is not installed: tools/bootstrap.sh servers")
    if not RIVALS.exists():
        _OUT.print("the rivals are not set up and are left out: tools/bootstrap.sh bench")
    folder = Path(tempfile.mkdtemp(prefix="kztasks-bench-"))
    broker = Rabbitmq()
    try:
        broker.start()
        bench = Bench(broker, folder, options.scale, options.rounds)
        run = _measured(bench, cases)
    finally:
        broker.stop()
        shutil.rmtree(folder, ignore_errors=True)
    _OUT.print(verdict_table(run.verdicts))
    _OUT.print(f"{run.seconds:.0f} s; kept in {path_of(run)}")
    failed = [case.name for case in run.cases if case.failed is not None]
    if failed:
        _OUT.print(f"failed: {', '.join(failed)}")
    return 1 if failed else 0


def _measured(bench: Bench, cases: tuple[Case, ...]) -> Run:
    """Results are kept after every case, so that a run that is cut short leaves some."""
    began = time.monotonic()
    run = about(bench.scale, bench.rounds)
    FOLDER.mkdir(exist_ok=True)
    for case in cases:
        started = time.monotonic()
        result = _result_of(bench, case)
        for table in terminal(result):
            _OUT.print(table)
        _OUT.print(f"{case.name}: {time.monotonic() - started:.0f} s\n")
        run = replace(run, cases=(*run.cases, result), seconds=round(time.monotonic() - began, 1))
        run = replace(run, verdicts=verdicts(run))
        path_of(run).write_bytes(dump(run))
    return run


def _result_of(bench: Bench, case: Case) -> CaseResult:
    """The result, also of a case that fails: the others are run all the same."""
    try:
        return case.run(bench, case)
    except Exception as error:  # noqa: BLE001  (whatever it is, it is told and makes the run fail)
        _OUT.print_exception()
        return CaseResult(
            name=case.name, title=case.title, failed=f"{type(error).__name__}: {error}"
        )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--case", help="names of cases, with * and commas")
    parser.add_argument("--scale", type=float, default=1.0, help="multiplies rows, tasks, bytes")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="of each contender")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
