"""TCP ports for servers that tests start."""

from __future__ import annotations

import random
import socket
from contextlib import suppress
from dataclasses import dataclass, fields
from typing import Final

PORT_RANGE: Final = range(20_000, 32_000)


@dataclass(frozen=True, slots=True)
class Ports:
    """The TCP ports of a node on the loopback interface."""

    amqp: int
    dist: int
    epmd: int
    ctl: int

    @classmethod
    def free(cls) -> Ports:
        """Four ports that nobody listens on now, none that the kernel gives to clients."""
        found: list[int] = []
        for port in random.sample(PORT_RANGE, len(PORT_RANGE)):
            with suppress(OSError), socket.create_server(("127.0.0.1", port)):
                found.append(port)
            if len(found) == len(fields(cls)):
                return cls(*found)
        raise OSError(f"no free ports in {PORT_RANGE}")
