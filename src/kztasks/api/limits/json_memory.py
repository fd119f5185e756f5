"""How much memory JSON bodies may take: unlike a CSV, they are held as a whole.

A body has its place from before its first byte is read until its request is answered. While it
comes in, which may take as long as its client likes, it takes no more than its bytes. Decoded it
takes up to fifty times as many, so decoded bodies stand in a line of their own, in which nobody
waits for a client. With what the allocator does not give back at once, a process grows by the total
and sixty times the largest body at most.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, ExitStack
from typing import Final

from kztasks.api.jsonbody import decoded_size
from kztasks.api.limits.gates import Gate, Line

MOST_GROWTH: Final = 50
"""A decoded body takes at most so many times its bytes (measured: 48)."""


class JsonMemory:
    """The memory of one process's JSON bodies.

    Args:
        largest: bytes of the largest body; one account has as much at a time.
        total: bytes of all bodies at a time.
    """

    def __init__(self, *, largest: int = 8_000_000, total: int = 64_000_000) -> None:
        self._raw = Gate(largest, max(largest, total))
        self._most_decoded = MOST_GROWTH * largest
        self._decoded = Line(self._most_decoded)

    def reading(self, owner: str, size: int) -> AbstractContextManager[None]:
        """A place for a body of so many bytes, while the context is open.

        Raises:
            TooManyRequests: the owner's bodies take as much as they may.
            Overloaded: all bodies do.
        """
        return self._raw.passing(owner, size)

    async def decoding(self, body: bytes | bytearray, leases: ExitStack) -> None:
        """Wait for the memory that the decoded body takes; it is given back with the leases.

        Raises:
            Overloaded: others have it for long.
        """
        await self._decoded.enter(min(decoded_size(body), self._most_decoded), leases)
