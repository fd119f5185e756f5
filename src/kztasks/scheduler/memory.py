"""How many bytes of rows the tasks of a node hold, within one budget. Pure.

Half of it is for tasks whose batch is out, the other half for those that wait or pause. A task that
begins to wait and whose rows do not fit any more forgets them, and reads them again when it is its
turn; those of tasks that have waited for longer are needed earlier.
"""

from __future__ import annotations

from collections.abc import Callable


class RowMemory:
    """The budget of one node. Who holds rows is told apart by identity.

    Args:
        limit: bytes.
        on_room: called when there is room again for those that run.
    """

    def __init__(self, limit: int, on_room: Callable[[], None] = lambda: None) -> None:
        self._half = limit // 2
        self._on_room = on_room
        self._running: dict[int, int] = {}
        self._resting: dict[int, int] = {}
        self.running = 0
        """Bytes of those whose batch is out."""
        self.resting = 0
        """Bytes of those that wait."""

    @property
    def has_room(self) -> bool:
        """Whether a further batch may be read. One that is out may use more than is left."""
        return self.running <= self._half

    def run(self, holder: object, size: int) -> None:
        """`holder` has a batch out, and holds `size` bytes."""
        self._remove(holder)
        self._running[id(holder)] = size
        self.running += size

    def rest(self, holder: object, size: int) -> bool:
        """`holder` waits; whether it may keep its `size` bytes. If not, it has to forget them."""
        had_room = self.has_room
        self._remove(holder)
        fits = self.resting + size <= self._half
        if fits and size:
            self._resting[id(holder)] = size
            self.resting += size
        self._tell(had_room=had_room)
        return fits

    def drop(self, holder: object) -> None:
        """`holder` is gone."""
        had_room = self.has_room
        self._remove(holder)
        self._tell(had_room=had_room)

    def _remove(self, holder: object) -> None:
        self.running -= self._running.pop(id(holder), 0)
        self.resting -= self._resting.pop(id(holder), 0)

    def _tell(self, *, had_room: bool) -> None:
        if self.has_room and not had_room:
            self._on_room()
