"""Tell apps which of their claims are refused: another app serves the action differently."""

from __future__ import annotations

from collections import defaultdict
from typing import Final

import structlog

from tasks_bindings.bus import Bus, Message
from tasks_bindings.directory import Directory
from tasks_bindings.discovery import Discovery
from tasks_bindings.errors import BusError
from tasks_bindings.wire import codec
from tasks_bindings.wire.claims import Claims, RefusedClaim
from tasks_bindings.wire.keys import instance_key
from tasks_bindings.wire.messages import MessageType
from tasks_bindings.wire.topology import BINDINGS

_log = structlog.get_logger(__name__)

REPEAT_S: Final = 4.0
"""A refusal is said again so often while it holds, as a message may be lost."""


class ClaimTeller:
    """Sends `Claims` to the instances that are concerned, for as long as it is run.

    Args:
        bus: the way to the apps.
        directory: what the live apps claim.
        discovery: wakes up when the directory changes.
    """

    def __init__(self, bus: Bus, directory: Directory, discovery: Discovery) -> None:
        self._bus = bus
        self._directory = directory
        self._discovery = discovery
        self._told: set[str] = set()

    async def run(self) -> None:
        """Tell at each change, and again every few seconds; until cancelled."""
        while True:
            await self._discovery.wait_for_change(REPEAT_S)
            await self.tell()

    async def tell(self) -> None:
        """Tell now: those that are refused, and those that were and are no more."""
        refused: dict[str, list[RefusedClaim]] = defaultdict(list)
        for one in self._directory.refusals():
            claim = RefusedClaim(category=one.category, action=one.action, serving=one.serving)
            refused[one.instance].append(claim)
        for instance in {*refused, *self._told}:
            await self._send(instance, Claims(refused=tuple(refused.get(instance, ()))))
        self._told = set(refused)

    async def _send(self, instance: str, claims: Claims) -> None:
        message = Message(body=codec.encode(claims), type=MessageType.CLAIMS)
        try:
            await self._bus.publish(BINDINGS.name, instance_key(instance), message, mandatory=False)
        except BusError as error:  # said again soon
            _log.debug("claims_not_sent", instance=instance, why=str(error))
