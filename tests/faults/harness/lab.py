"""What a row is given to work with, and where it says what came of it."""

from __future__ import annotations

import random
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.faults.harness import evidence
from tests.faults.harness.cluster import FaultCluster, Layout, running
from tests.faults.harness.faults import FaultLog
from tests.faults.harness.summary import EVIDENCE, MatrixRow, Summary, commit, machine
from tests.servers.rabbitmq import Rabbitmq


@dataclass(slots=True, kw_only=True)
class Lab:
    """One run of one row.

    Args:
        row: which.
        lane: `full` or `quick`.
        seed: of `random`.
        folder: empty, of this run alone.
        broker: a RabbitMQ node that the runs of a session share.
        amqp_url: a virtual host on it of this run alone.
    """

    row: MatrixRow
    lane: str
    seed: int
    folder: Path
    broker: Rabbitmq
    amqp_url: str
    figures: dict[str, Any] = field(default_factory=dict)
    """What the summary says of the run; the row puts in what it measured."""
    began: float = field(default_factory=time.monotonic)
    random: random.Random = field(init=False)
    """Decides kinds and times of faults; the same for the same seed."""
    faults: FaultLog = field(init=False)
    """What was broken and when."""
    failure: Path | None = None
    """Where evidence was kept."""

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)
        self.faults = FaultLog(self.folder / "faults.jsonl")

    @asynccontextmanager
    async def cluster(self, layout: Layout | None = None) -> AsyncIterator[FaultCluster]:
        """A cluster; if the row fails while the context is open, what is known of it is kept."""
        given, about = layout or Layout(), {"row": self.row, "lane": self.lane, "seed": self.seed}
        try:
            async with running(self.folder, given, self.broker, self.amqp_url) as cluster:
                try:
                    yield cluster
                except Exception:
                    await evidence.keep(cluster, self.evidence, {**about, "figures": self.figures})
                    raise
        except Exception:
            evidence.keep_files(self.folder, self.evidence)
            raise

    @property
    def evidence(self) -> Path:
        """The folder for what is known of a failure; asking for it is to use it."""
        if self.failure is None:
            name = f"{self.row.id}-{self.lane}-{self.seed}-{datetime.now(UTC):%Y%m%dT%H%M%S}"
            self.failure = EVIDENCE / name
        return self.failure

    def summary(self, *, why: str | None) -> Summary:
        """The result, after the row has ended; `why` is `None` if it held."""
        return Summary(
            id=self.row.id,
            title=self.row.title,
            lane=self.lane,
            seed=self.seed,
            ok=why is None,
            target=self.row.target,
            figures=self.figures,
            seconds=round(time.monotonic() - self.began, 1),
            commit=commit(),
            machine=machine(),
            at=datetime.now(UTC).isoformat(timespec="seconds"),
            why=why,
            evidence=str(self.failure) if self.failure is not None and why is not None else None,
        )
