"""What is kept of a failure: logs, faults, the log collection, documents, outputs."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pymongo.errors import PyMongoError

from tests.faults.harness.cluster import FaultCluster

COLLECTIONS = ("tasks", "log", "nodes")


async def keep(cluster: FaultCluster, folder: Path, about: Mapping[str, Any]) -> None:
    """Write down what is known of a run that failed.

    Args:
        cluster: still running.
        folder: where to; made if it is missing.
        about: row, seed and the like.
    """
    keep_files(cluster.folder, folder)
    _write(folder / "about.json", json.dumps(about, indent=1, default=str))
    for name in COLLECTIONS:
        try:
            documents = await cluster.observer.collection(name)
        except PyMongoError as error:
            _write(folder / f"{name}.failed", str(error))
        else:
            lines = (json.dumps(document, default=_plain) for document in documents)
            _write(folder / f"{name}.jsonl", "\n".join(lines))


def keep_files(source: Path, folder: Path) -> None:
    """Copy the files of a run that need no server: logs, faults, the trace."""
    logs = folder / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    for file in (*source.glob("*.log"), *source.glob("store/*.log*")):
        shutil.copy(file, logs)
    for name in ("faults.jsonl", "trace.csv"):
        if (source / name).exists():
            shutil.copy(source / name, folder)


def _write(path: Path, text: str) -> None:
    path.write_text(text + "\n", encoding="utf-8")


def keep_outputs(folder: Path, task_id: str, expected: bytes, got: bytes) -> None:
    """Write down an output that is wrong, beside the right one."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{task_id}.expected.csv").write_bytes(expected)
    (folder / f"{task_id}.got.csv").write_bytes(got)


def _plain(value: object) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)
