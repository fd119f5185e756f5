"""Whoever runs the rows of a CSV: kztasks, the plain loop, and what a team writes by hand."""

from __future__ import annotations

import os
import signal
import subprocess
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from tests.bench.harness.measure import Contender
from tests.bench.harness.names import CELERY_BATCHES, CELERY_ROWS, DRAMATIQ, KZTASKS, PLAIN
from tests.bench.harness.results import RIVALS, ROOT
from tests.bench.harness.stage import Stage, difference_of
from tests.bench.plain import plain_loop
from tests.servers.rabbitmq import Rabbitmq

WORKERS: Final = "2"
"""Processes of a rival's worker: one for each core of a small machine."""
RIVAL_S: Final = 900.0
_QUIET: Final = ("--without-gossip", "--without-mingle", "--without-heartbeat")
_CELERY: Final = ("celery", "-A", "tests.bench.rivals.celery_app", "worker", "-P", "prefork")
_CELERY_WORKER: Final = (*_CELERY, "-c", WORKERS, "--loglevel", "WARNING", *_QUIET)
_DRAMATIQ_WORKER: Final = (
    *("dramatiq", "tests.bench.rivals.dramatiq_app"),
    *("--processes", WORKERS, "--threads", "1"),
)
_RIVALS: Final = {
    CELERY_ROWS: (_CELERY_WORKER, "celery_drive", "rows"),
    CELERY_BATCHES: (_CELERY_WORKER, "celery_drive", "batches"),
    DRAMATIQ: (_DRAMATIQ_WORKER, "dramatiq_drive", "rows"),
}


def kztasks(
    stage: Stage, action: str, source: bytes | None, expected: bytes, rows: int
) -> Contender:
    """A task of kztasks, on processes that are already there."""
    return Contender(KZTASKS, rows, "rows", lambda: stage.run(action, source, expected, rows))


def plain(source: bytes, rows: int) -> Contender:
    """The loop that calls the identity handler with a mapping per row, in one process."""
    return Contender(PLAIN, rows, "rows", lambda: plain_loop(source))


def rivals(
    broker: Rabbitmq,
    folder: Path,
    names: tuple[str, ...],
    source: bytes,
    expected: bytes,
    rows: int,
) -> list[Contender]:
    """The identity handler as others run it; none if they were not set up (`make bench` does)."""
    if not RIVALS.exists():
        return []

    def contender(name: str) -> Contender:
        run = _Rival(broker, folder, name, source, expected)
        return Contender(name, rows, "rows", run)

    return [contender(name) for name in names]


class _Rival:
    """Starts its worker, has it run the rows once, and ends it; the start is not measured."""

    def __init__(
        self, broker: Rabbitmq, folder: Path, name: str, source: bytes, expected: bytes
    ) -> None:
        self._broker = broker
        self._folder = folder
        self._worker, self._drive, self._way = _RIVALS[name]
        self._source = source
        self._expected = expected

    def __call__(self) -> float:
        name = f"bench-{uuid.uuid4().hex}"
        here = self._folder / name
        here.mkdir()
        source, target = here / "in.csv", here / "out.csv"
        source.write_bytes(self._source)
        environment = {
            "PATH": os.environ["PATH"],  # noqa: TID251  (handed to a child)
            "HOME": str(here),
            "PYTHONPATH": str(ROOT),
            "BENCH_AMQP_URL": self._broker.add_vhost(name),
        }
        try:
            with _worker(self._worker, environment, here / "worker.log"):
                took = self._measured(source, target, environment)
        finally:
            self._broker.delete_vhost(name)
        output = target.read_bytes()
        assert output == self._expected, difference_of(output, self._expected)
        return took

    def _measured(self, source: Path, target: Path, environment: dict[str, str]) -> float:
        module = f"tests.bench.rivals.{self._drive}"
        done = subprocess.run(
            [str(RIVALS), "-m", module, self._way, str(source), str(target)],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            timeout=RIVAL_S,
            check=False,
        )
        assert done.returncode == 0, f"{module}: {done.stderr[-2000:]}"
        return float(done.stdout)


@contextmanager
def _worker(command: tuple[str, ...], environment: dict[str, str], log: Path) -> Iterator[None]:
    with log.open("wb") as file:
        worker = subprocess.Popen(
            [str(RIVALS), "-m", *command],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield
    finally:
        # Its rows are done, and a Celery worker takes five seconds to leave in good order.
        with suppress(ProcessLookupError):
            os.killpg(worker.pid, signal.SIGKILL)
        worker.wait()
