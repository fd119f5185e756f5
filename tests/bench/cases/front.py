"""The HTTP front: bytes per second in and out, requests per second."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Final

from tests.bench.harness import data
from tests.bench.harness.bench import Bench, Case
from tests.bench.harness.http import Lean, at_once, seconds_of
from tests.bench.harness.measure import Contender, in_turn
from tests.bench.harness.results import ROOT, CaseResult
from tests.bench.harness.stage import Stage, stage
from tests.servers.cluster import eventually
from tests.servers.ports import Ports

MB: Final = 1_000_000
UPLOAD_MB: Final = 100
LISTED: Final = 50
REQUESTS: Final = 1000


def transfer(bench: Bench, case: Case) -> CaseResult:
    """A CSV of 40 columns goes up and down, beside a server that only writes and reads a file."""
    content = data.text_of_size(max(MB, round(UPLOAD_MB * MB * bench.scale)))
    size = len(content) / MB
    with (
        stage(bench.broker, bench.folder) as running,
        _plain_server(bench.folder) as bare,
    ):
        running.ready("skel.id2")
        contenders = [
            Contender("kztasks, upload", size, "MB", partial(_upload, running, content)),
            Contender("plain server, upload", size, "MB", partial(_upload_plain, bare, content)),
            Contender("kztasks, download", size, "MB", partial(_download, running, content)),
            Contender("plain server, download", size, "MB", partial(_get_plain, bare, content)),
        ]
        _upload(running, content)
        _upload_plain(bare, content)
        series = in_turn(contenders, bench.rounds)
    return CaseResult(name=case.name, title=case.title, series=series)


def _upload(running: Stage, content: bytes) -> float:
    began = time.perf_counter()
    running.lean.create("skel", "id2", content)
    return time.perf_counter() - began


def _download(running: Stage, content: bytes) -> float:
    lean = running.lean
    (newest,) = lean.document("GET", f"{lean.tasks}?page_size=1")
    path = f"{lean.tasks}/{newest['id']}?csv_name=in.csv"
    began = time.perf_counter()
    got = lean.ask("GET", path, Accept="text/csv")
    took = time.perf_counter() - began
    assert got == content
    return took


def _upload_plain(bare: Lean, content: bytes) -> float:
    began = time.perf_counter()
    bare.ask("PUT", "/", content)
    return time.perf_counter() - began


def _get_plain(bare: Lean, content: bytes) -> float:
    began = time.perf_counter()
    got = bare.ask("GET", "/")
    took = time.perf_counter() - began
    assert got == content
    return took


@contextmanager
def _plain_server(folder: Path) -> Iterator[Lean]:
    port = Ports.free().amqp
    command = ["-m", "uvicorn", "tests.bench.plain_http:app", "--port", str(port)]
    with (folder / "plain_http.log").open("wb") as log:
        server = subprocess.Popen(
            [sys.executable, *command, "--log-level", "warning"],
            cwd=ROOT,
            env={"PYTHONPATH": str(ROOT), "BENCH_FILE": str(folder / "plain_http.bin")},
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        lean = Lean(f"http://127.0.0.1:{port}", "", "")
        eventually("the plain server listens", partial(_answers, port))
        yield lean
    finally:
        server.terminate()
        server.wait()


def _answers(port: int) -> bool:
    try:
        Lean(f"http://127.0.0.1:{port}", "", "").ask("PUT", "/", b"")
    except OSError:
        return False
    return True


def requests(bench: Bench, case: Case) -> CaseResult:
    """Some clients list 50 tasks, or read one, again and again."""
    count = bench.scaled(REQUESTS, least=40)
    with stage(bench.broker, bench.folder) as running:
        running.ready("skel.id2")
        lean, source = running.lean, data.numbered(10)
        ids = at_once(lambda _: lean.create("skel", "id2", source), range(2 * LISTED))

        def ask(path: str) -> bytes:
            return lean.ask("GET", path)

        lists = [f"{lean.tasks}?page_size={LISTED}"] * count
        reads = [f"{lean.tasks}/{ids[n % len(ids)]}" for n in range(count)]
        seconds_of(ask, lists[:20] + reads[:20])
        contenders = [
            Contender("read a task", count, "requests", partial(seconds_of, ask, reads)),
            Contender(f"list {LISTED} tasks", count, "requests", partial(seconds_of, ask, lists)),
        ]
        series = in_turn(contenders, bench.rounds)
    return CaseResult(name=case.name, title=case.title, series=series)


CASES: Final = (
    Case("transfer", f"a CSV of {UPLOAD_MB} MB, up and down", transfer),
    Case("requests", "requests of 4 clients", requests),
)
