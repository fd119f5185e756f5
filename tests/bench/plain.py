"""What a script without any of this would do: read a row, call the handler, write a row."""

from __future__ import annotations

import csv
import io
import time

from tasks_bindings import Context
from tests.apps.fast import id2

ACCOUNT = "a" * 32


def plain_loop(data: bytes) -> float:
    """Run the handler of `skel.id2` over a CSV in one process; seconds that it took."""
    began = time.perf_counter()
    source = csv.reader(io.StringIO(data.decode(), newline=""))
    target = io.StringIO(newline="")
    writer = csv.writer(target, quoting=csv.QUOTE_ALL, lineterminator="\n")
    header = next(source)
    writer.writerow([*header, "Col1", "Col2"])
    for number, cells in enumerate(source, 1):
        context = Context(ACCOUNT, ACCOUNT, "t", "skel", "id2", number, maybe_repeated=False)
        step = id2(context, None, dict(zip(header, cells, strict=True)))
        writer.writerow(cells + step.wire["row"])
    target.getvalue().encode()
    return time.perf_counter() - began
