"""What triggers need of the database."""

from __future__ import annotations

from typing import Protocol

from kztasks.domain.firing import Firing, Run, TriggerState


class TriggerStore(Protocol):
    """Triggers' states and the records of their firings.

    A firing happens once: `begin` moves a trigger's state from one moment to a later one, which one
    caller alone can do. A run belongs to a node and an epoch; whoever has lost it can write no more
    of its record.
    """

    async def states(self) -> list[TriggerState]:
        """All triggers that anything was ever bound to."""
        ...

    async def bind(self, key: str, app: str, *, last: int) -> None:
        """Note that an app is bound to a trigger; the place of one that is noted already stays.

        Args:
            key: of the trigger.
            app: name of the app.
            last: the moment from which on it fires, Unix seconds; counts where nothing is bound.
        """
        ...

    async def unbind(self, key: str, app: str) -> bool:
        """Forget that an app is bound to a trigger; whether it was."""
        ...

    async def begin(self, state: TriggerState, run: Run) -> bool:
        """From `state`, in which nothing runs, to one in which `run` does.

        Returns:
            Whether the run is this caller's; true again when the call is repeated.
        """
        ...

    async def skip(self, state: TriggerState, last: int) -> bool:
        """From `state`, in which nothing runs, to `last` without a run; whether it was so."""
        ...

    async def take_over(self, state: TriggerState, node: str) -> Run | None:
        """The run of a dead node for `node`, one epoch higher; `None` if it is not to be had."""
        ...

    async def end(self, key: str, run: Run, *, ended: int) -> bool:
        """Nothing runs any more; false where the run had been lost."""
        ...

    async def request(self, key: str, request_id: str) -> bool:
        """Ask for a firing now; false where nothing was ever bound, or one is asked for already."""
        ...

    async def record(self, firing: Firing) -> Firing:
        """Write a record that is not there yet; the one that is there."""
        ...

    async def adopt(self, run: Run) -> Firing | None:
        """The record of a run that was taken over; from now on no earlier epoch can rewrite it."""
        ...

    async def rewrite(self, firing: Firing) -> bool:
        """Replace the record of a run; false where a later epoch has it."""
        ...

    async def firing(self, firing_id: str) -> Firing | None:
        """A record."""
        ...

    async def firings(self, key: str, *, limit: int) -> list[Firing]:
        """Records of a trigger, the latest moment first."""
        ...

    async def databases(self) -> list[str]:
        """Names of all databases of the server, sorted."""
        ...
