"""Run a process that handles rows by the thousand: its event loop, its collector, its threads.

With the settings that Python starts with, half of the time that it takes to decode a batch goes
into the garbage collector, which looks for cycles among rows that have none.
"""

from __future__ import annotations

import asyncio
import gc
import importlib
import importlib.util
import sys
from collections.abc import Coroutine
from typing import Any, Final, TypeVar

T = TypeVar("T")

YOUNG_OBJECTS: Final = 200_000
"""A collection looks at about so many new objects, some milliseconds' work."""
YOUNG_COLLECTIONS: Final = 20
SWITCH_INTERVAL_S: Final = 0.0005
"""So long a thread that runs a handler keeps the event loop waiting for its next step. Python's own
interval of 5 ms has each message wait that long several times."""


def run_process(work: Coroutine[Any, Any, T]) -> T:
    """Run what this process is for: on uvloop where it is installed, else on asyncio's own loop.

    To be called once all is imported.
    """
    tune_interpreter()
    if importlib.util.find_spec("uvloop") is None:
        return asyncio.run(work)
    with asyncio.Runner(loop_factory=importlib.import_module("uvloop").new_event_loop) as runner:
        return runner.run(work)


def tune_interpreter() -> None:
    """Set up the collector and the threads."""
    gc.collect()
    gc.freeze()  # what was imported stays; no collection has to look at it again
    gc.set_threshold(YOUNG_OBJECTS, YOUNG_COLLECTIONS, YOUNG_COLLECTIONS)
    sys.setswitchinterval(SWITCH_INTERVAL_S)
