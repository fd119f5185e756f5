"""Have the dramatiq workers run a CSV: `dramatiq_drive rows IN OUT`; prints the seconds."""

from __future__ import annotations

import json
import sys
import threading
import time
from pathlib import Path

import pika

from tests.bench.rivals.dramatiq_app import URL, row
from tests.bench.rivals.files import read, write


class Replies:
    """A queue of our own, and what came into it so far, by number."""

    def __init__(self) -> None:
        self._channel = pika.BlockingConnection(pika.URLParameters(URL)).channel()
        self.queue: str = self._channel.queue_declare("", exclusive=True).method.queue

    def collect(self, count: int) -> dict[int, list[str]]:
        """Wait for so many results."""
        found: dict[int, list[str]] = {}
        for _, _, body in self._channel.consume(self.queue, auto_ack=True):
            number, result = json.loads(body)
            found[number] = result
            if len(found) == count:
                break
        self._channel.cancel()
        return found


def run(header: list[str], rows: list[list[str]], replies: Replies) -> list[list[str]]:
    """A message for each row, results taken meanwhile; the rows in their order."""
    found: dict[int, list[str]] = {}
    taker = threading.Thread(target=lambda: found.update(replies.collect(len(rows))))
    taker.start()
    for number, cells in enumerate(rows):
        args = (dict(zip(header, cells, strict=True)),)
        row.send_with_options(args=args, reply_to=replies.queue, number=number)
    taker.join()
    return [cells + found[number] for number, cells in enumerate(rows)]


def main(source: Path, target: Path) -> None:
    """Wait for the workers, then measure."""
    replies = Replies()
    run(["col1", "col2"], [["", ""]], replies)
    began = time.perf_counter()
    header, rows = read(source)
    write(target, header, run(header, rows, replies))
    sys.stdout.write(f"{time.perf_counter() - began}\n")


if __name__ == "__main__":
    main(Path(sys.argv[2]), Path(sys.argv[3]))
