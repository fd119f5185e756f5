"""What a run of the suite leaves: raw numbers of each round, and what they were measured on."""

from __future__ import annotations

import os
import platform
import statistics
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Final

from pydantic import TypeAdapter

ROOT: Final = Path(__file__).resolve().parents[3]
FOLDER: Final = ROOT / "bench-results"
RIVALS: Final = ROOT / ".venv" / "bench" / "bin" / "python"
OURS: Final = (
    "aio-pika",
    "fastapi",
    "motor",
    "nx-27017",
    "orjson",
    "pydantic",
    "uvicorn",
    "uvloop",
)
THEIRS: Final = ("celery", "dramatiq", "kombu", "pika")
DEBIAN: Final = ("rabbitmq-server", "erlang-base")


@dataclass(frozen=True, slots=True)
class Series:
    """One contender in one case: how much it did in each round, and in how many seconds."""

    contender: str
    amount: float
    unit: str
    seconds: tuple[float, ...]

    @property
    def median_s(self) -> float:
        """Seconds of a round."""
        return statistics.median(self.seconds)

    @property
    def per_unit_s(self) -> float:
        """Seconds of one row, task, MB or request."""
        return self.median_s / self.amount

    @property
    def rate(self) -> float:
        """Rows, tasks, MB or requests of a second."""
        return self.amount / self.median_s

    def times(self, other: Series) -> float:
        """How many times slower than another one, by unit."""
        return self.per_unit_s / other.per_unit_s


@dataclass(frozen=True, slots=True)
class MemoryRun:
    """Memory of the processes while one task ran, upload and download included."""

    rows: int
    seconds: tuple[float, ...]
    """When the samples were taken."""
    mib: Mapping[str, tuple[float, ...]]
    """Resident MiB at these times, by process."""
    peak_mib: Mapping[str, float]
    """The kernel's own peak of the run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseResult:
    """What came of a case."""

    name: str
    title: str
    series: tuple[Series, ...] = ()
    cpu_us: Mapping[str, float] = field(default_factory=dict)
    """Processor time of kztasks, broker and store for each row (or task); medians of the rounds."""
    figures: Mapping[str, float | None] = field(default_factory=dict)
    memory: tuple[MemoryRun, ...] = ()
    failed: str | None = None
    """What went wrong; the numbers are void then."""

    def of(self, contender: str) -> Series | None:
        """The series of a contender, if it was measured."""
        return next((one for one in self.series if one.contender == contender), None)


@dataclass(frozen=True, slots=True)
class Verdict:
    """A target, and whether it was reached; `None` where it was not measured."""

    target: str
    wanted: str
    reached: str
    met: bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """All of it."""

    at: str
    """UTC, ISO 8601, seconds."""
    commit: str
    dirty: bool
    """Whether files differed from the commit."""
    machine: str
    cores: int
    memory_gib: int
    python: str
    versions: Mapping[str, str]
    scale: float
    rounds: int
    seconds: float = 0.0
    cases: tuple[CaseResult, ...] = ()
    verdicts: tuple[Verdict, ...] = ()

    def case(self, name: str) -> CaseResult | None:
        """The result of a case, if it was run and did not fail."""
        found = (one for one in self.cases if one.name == name and one.failed is None)
        return next(found, None)


_RUN: Final = TypeAdapter(Run)


def dump(run: Run) -> bytes:
    """As JSON."""
    return _RUN.dump_json(run, indent=1) + b"\n"


def load(content: bytes) -> Run:
    """The inverse of `dump`."""
    return _RUN.validate_json(content)


def path_of(run: Run) -> Path:
    """Where the run's results are kept."""
    moment = run.at.replace("-", "").replace(":", "")[:15]
    return FOLDER / f"bench-{moment}Z.json"


def newest_whole(folder: Path, cases: Iterable[str]) -> Path | None:
    """The newest results in a folder that are of full size and have all of the cases."""
    wanted = set(cases)
    for path in sorted(folder.glob("bench-*.json"), reverse=True):
        run = load(path.read_bytes())
        if run.scale == 1 and wanted <= {one.name for one in run.cases if one.failed is None}:
            return path
    return None


def about(scale: float, rounds: int) -> Run:
    """What is measured on, and which versions; no results yet."""
    size = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return Run(
        at=datetime.now(UTC).isoformat(timespec="seconds"),
        commit=_said("git", "-C", str(ROOT), "rev-parse", "--short=10", "HEAD"),
        dirty=bool(_said("git", "-C", str(ROOT), "status", "--porcelain")),
        machine=_processor(),
        cores=os.cpu_count() or 1,
        memory_gib=round(size / 1024**3),
        python=platform.python_version(),
        versions={name: version(name) for name in OURS} | _rivals() | _debian(),
        scale=scale,
        rounds=rounds,
    )


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return f"{next(names, 'unknown processor')}, {platform.machine()}"


def _rivals() -> dict[str, str]:
    if not RIVALS.exists():
        return {}
    code = f"import importlib.metadata as m; print(*(m.version(n) for n in {THEIRS!r}))"
    return dict(zip(THEIRS, _said(str(RIVALS), "-c", code).split(), strict=False))


def _debian() -> dict[str, str]:
    command = ("dpkg-query", "--show", "--showformat=${Package} ${Version}\n", *DEBIAN)
    return dict(line.split() for line in _said(*command).splitlines() if line.count(" ") == 1)


def _said(*command: str) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError:
        return ""
    return done.stdout.strip()
