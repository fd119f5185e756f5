"""The child process behind `EmbeddedStore`: `nx-27017` that ends when its parent does.

Run as `python -m kztasks.store.embedded_server FOLDER PORT PARENT_PID`, with standard input being a
pipe that only the parent can write to.
"""

from __future__ import annotations

import os
import select
import signal
import sys
import threading
import time
from typing import Final

import nx_27017  # type: ignore[import-untyped]  # it ships no types

_WATCH_S: Final = 0.5
_GRACE_S: Final = 2.0


def main() -> None:
    """Serve the folder's databases until told to stop, or until the parent is gone."""
    folder, port, parent = sys.argv[1:]
    watch = threading.Thread(target=_end_with, args=(int(parent),), daemon=True)
    watch.start()
    sys.argv = [
        "nx-27017",
        *("--data-dir", folder),
        *("--host", "127.0.0.1"),
        *("--port", port),
        *("--pid-file", os.path.join(folder, "server.pid")),  # noqa: PTH118 - its command line
        *("--log-file", os.devnull),  # it logs to standard error as well, which is the log file
    ]
    nx_27017.main()


def _end_with(parent: int) -> None:
    """Wait for the parent's end of the pipe to close, which the kernel does even on SIGKILL.

    A process that the parent forked may hold that end open, hence the look at the parent's id.
    """
    while os.getppid() == parent:
        readable, _, _ = select.select([0], [], [], _WATCH_S)
        if readable and not os.read(0, 1):
            break
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(_GRACE_S)
    os._exit(1)


if __name__ == "__main__":
    main()
