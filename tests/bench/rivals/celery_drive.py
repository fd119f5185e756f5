"""Have the Celery worker run a CSV: `celery_drive rows|batches IN OUT`; prints the seconds."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tests.bench.rivals.celery_app import batch, row
from tests.bench.rivals.files import read, write

BATCH: Final = 1000
START_S: Final = 60
RESULT_S: Final = 300


def by_row(header: list[str], rows: list[list[str]]) -> Iterator[list[str]]:
    """A task for each row; the results in the rows' order."""
    sent = [row.delay(dict(zip(header, cells, strict=True))) for cells in rows]
    for cells, result in zip(rows, sent, strict=True):
        yield cells + result.get(timeout=RESULT_S)


def by_batch(header: list[str], rows: list[list[str]]) -> Iterator[list[str]]:
    """A task for each thousand rows; the results in the rows' order."""
    parts = [rows[first : first + BATCH] for first in range(0, len(rows), BATCH)]
    sent = [batch.delay(header, part) for part in parts]
    for part, result in zip(parts, sent, strict=True):
        for cells, added in zip(part, result.get(timeout=RESULT_S), strict=True):
            yield cells + added


def main(way: str, source: Path, target: Path) -> None:
    """Wait for the worker, then measure."""
    run = {"rows": by_row, "batches": by_batch}[way]
    row.delay({"col1": "", "col2": ""}).get(timeout=START_S)
    began = time.perf_counter()
    header, rows = read(source)
    write(target, header, run(header, rows))
    sys.stdout.write(f"{time.perf_counter() - began}\n")


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
