"""One JSON line for each row of the matrix that was run."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).resolve().parents[3]
RESULTS: Final = ROOT / "var" / "faults" / "results.jsonl"
EVIDENCE: Final = ROOT / "var" / "faults" / "evidence"


@dataclass(frozen=True, slots=True)
class MatrixRow:
    """A row of the matrix: its id, what it does, and what it must reach."""

    id: str
    title: str
    target: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """What came of running a row once."""

    id: str
    title: str
    lane: str
    seed: int
    ok: bool
    target: str
    figures: Mapping[str, Any]
    seconds: float
    commit: str
    machine: str
    at: str
    """UTC, ISO 8601, seconds."""
    why: str | None = None
    """The first line of what failed."""
    evidence: str | None = None
    """The folder with what is known of the failure."""

    @property
    def replay(self) -> str:
        """The command that runs the same faults again."""
        lane = " LANE=quick" if self.lane == "quick" else ""
        return f"make faults ROW={self.id} SEED={self.seed}{lane}"

    def line(self) -> str:
        """The summary as one line of JSON."""
        content = {name: value for name, value in asdict(self).items() if value is not None}
        return json.dumps(content, ensure_ascii=False)

    @classmethod
    def of_line(cls, line: str) -> Summary:
        """The inverse of `line`."""
        return cls(**json.loads(line))


def append(path: Path, summary: Summary) -> None:
    """Add a line to the results."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        file.write(summary.line() + "\n")


def latest(lines: Iterable[str]) -> list[Summary]:
    """The last result of each row; one of the full lane, whenever there is any."""
    found: dict[str, Summary] = {}
    for line in lines:
        summary = Summary.of_line(line)
        before = found.get(summary.id)
        if before is None or summary.lane == "full" or before.lane == "quick":
            found[summary.id] = summary
    return [found[row_id] for row_id in sorted(found, key=_in_order)]


def _in_order(row_id: str) -> tuple[str, int, str]:
    letters = row_id.rstrip("0123456789")
    return letters, int(row_id[len(letters) :] or 0), row_id


def commit() -> str:
    """The commit that is checked out, with a `+` if files were changed since."""
    command = ["git", "-C", str(ROOT), "describe", "--always", "--abbrev=10", "--dirty=+"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout.strip() or "unknown"


def machine() -> str:
    """What it ran on, in a few words."""
    pages, size = os.sysconf("SC_PHYS_PAGES"), os.sysconf("SC_PAGE_SIZE")
    gib = round(pages * size / 1024**3)
    return f"{os.cpu_count()} cores, {gib} GiB, Python {platform.python_version()}"
