"""The results in the documents: `python -m tests.bench.harness.report [RESULTS.json]`.

Without an argument: the newest results of full size that have every case.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

from tests.bench.cases.catalog import CASES
from tests.bench.harness import plot
from tests.bench.harness.results import FOLDER, ROOT, Run, load, newest_whole
from tests.bench.harness.table import markdown

PAGE: Final = ROOT / "docs" / "benchmarks.md"
BEGIN: Final = "<!-- results: begin -->"
END: Final = "<!-- results: end -->"


def plots(run: Run) -> dict[str, tuple[str, str]]:
    """Name of each file, what it shows, and its content."""
    memory, cpu, wait = (run.case(name) for name in ("memory", "fan_out_cpu", "fan_out_wait"))
    found = {"bench-ratios.svg": ("Times slower than the plain loop", plot.ratios(run))}
    scaled = [case for case in (cpu, wait) if case is not None]
    if scaled:
        found["bench-fan-out.svg"] = ("Speed by number of app processes", plot.fan_out(scaled))
    if memory is not None and memory.memory:
        found["bench-memory.svg"] = ("Memory over time", plot.memory(memory.memory))
    return found


def with_results(page: str, results: str) -> str:
    """The page with the results between its two markers.

    Raises:
        ValueError: a marker is missing.
    """
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the page has no {BEGIN} … {END}")
    return f"{before}{BEGIN}\n{results}{END}{after}"


def main(results: Path | None = None, page: Path = PAGE) -> None:
    """Write the tables into the page and the plots into `images` beside it.

    Raises:
        SystemExit: there are no results.
    """
    path = results or newest_whole(FOLDER, [case.name for case in CASES])
    if path is None:
        raise SystemExit(f"no whole results in {FOLDER}: run `make bench` first")
    run = load(path.read_bytes())
    images = page.parent / "images"
    images.mkdir(exist_ok=True)
    shown = []
    for name, (what, content) in plots(run).items():
        (images / name).write_text(content, encoding="utf-8")
        shown.append(f"![{what}](images/{name})\n")
    text = "\n".join([markdown(run), *shown])
    page.write_text(with_results(page.read_text(encoding="utf-8"), text), encoding="utf-8")
    sys.stdout.write(f"{page} and {images} are as in {path.name}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else None)
