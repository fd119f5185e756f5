"""The results as a table in the documents: `python -m tests.faults.harness.report`."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Final

from tests.faults.harness.summary import RESULTS, ROOT, Summary, latest

PAGE: Final = ROOT / "docs" / "fault-matrix.md"
BEGIN: Final = "<!-- results: begin -->"
END: Final = "<!-- results: end -->"
HEAD: Final = (
    "| row | what is broken | must reach | reached | | s | seed | commit |\n"
    "|---|---|---|---|---|---|---|---|\n"
)


def table(summaries: Iterable[Summary]) -> str:
    """The results in markdown, a line each."""
    return HEAD + "".join(_line(summary) for summary in summaries)


def with_table(page: str, rendered: str) -> str:
    """The page with the table between its two markers.

    Raises:
        ValueError: a marker is missing.
    """
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the page has no {BEGIN} … {END}")
    return f"{before}{BEGIN}\n{rendered}{END}{after}"


def _line(one: Summary) -> str:
    figures = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in one.figures.items())
    verdict = "ok" if one.ok else "**failed**"
    lane = "" if one.lane == "full" else f" ({one.lane})"
    cells = (one.id + lane, one.title, one.target, figures, verdict)
    numbers = (f"{one.seconds:.0f}", str(one.seed), one.commit)
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in (*cells, *numbers)) + " |\n"


def main(page: Path = PAGE, results: Path = RESULTS) -> None:
    """Put the latest results into the page.

    Raises:
        SystemExit: there are none.
    """
    if not results.exists():
        raise SystemExit(f"there is no {results}: run `make faults` first")
    lines = results.read_text(encoding="utf-8").splitlines()
    page.write_text(with_table(page.read_text(encoding="utf-8"), table(latest(lines))), "utf-8")


if __name__ == "__main__":
    main()
