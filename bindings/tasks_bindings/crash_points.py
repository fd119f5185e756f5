"""Named places in the code at which a process can be made to die, for tests of what comes after.

    KZTASKS_CRASH_AT=commit:inserted:3

ends the process, as `kill -9` would, when it comes to that place for the third time. Without the
setting a place costs one comparison. `docs/crash-points.md` lists the names.
"""

from __future__ import annotations

import os
from typing import Final

STATUS: Final = 137
"""The exit status of a process that was killed by SIGKILL, as shells tell it."""


class _Fuse:
    """The one place at which this process dies, and how often it may still be passed."""

    name: str | None = None
    left = 0


def arm(point: str | None) -> None:
    """Choose the place.

    Args:
        point: `NAME:N`, to die there when it is reached for the Nth time; `None` for nowhere.

    Raises:
        ValueError: it has another form.
    """
    if point is None:
        _Fuse.name = None
        return
    name, _, times = point.rpartition(":")
    if not name or not times.isascii() or not times.isdigit() or int(times) < 1:
        raise ValueError("a crash point is written NAME:N, with a number from 1 on")
    _Fuse.name, _Fuse.left = name, int(times)


def reached(name: str) -> None:
    """The code has come to a place; the process may end here and now."""
    if _Fuse.name is not None and name == _Fuse.name:
        _Fuse.left -= 1
        if _Fuse.left == 0:
            os._exit(STATUS)
