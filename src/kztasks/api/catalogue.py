"""Which tasks can be created now, asked of a scheduler."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from kztasks.api.deps import Scheduler
from kztasks.api.lookups import Lookups
from kztasks.api.refusals import MissingKind, UnknownTaskKind
from kztasks.kazoo.client import CALL_TIMEOUT_S
from kztasks.kazoo.help import help_json
from tasks_bindings.errors import DefinitionError
from tasks_bindings.wire.keys import check_name
from tasks_bindings.wire.messages import Help, Metadata

_UNKNOWN_HELP: Final = "unknown category or action"


@dataclass(frozen=True, slots=True)
class TaskKind:
    """A category and an action that an app serves, and what it says of them."""

    category: str
    action: str
    metadata: Metadata


class Catalogue:
    """Looks categories and actions up; what cannot be a name is not even asked for."""

    def __init__(self, scheduler: Scheduler) -> None:
        self._lookups = Lookups(scheduler.lookup, timeout_s=2 * CALL_TIMEOUT_S)

    async def help(self, category: str | None, action: str | None) -> dict[str, object]:
        """The tasks of a category or all, as JSON; an action alone narrows nothing, as in Kazoo.

        Raises:
            UnknownTaskKind: a category or action was asked for, and no app serves it.
            SchedulerUnavailable: nobody answers.
        """
        if not category:
            return {**help_json(await self._lookups.ask(None, None))}
        found = await self._lookup(category, action or None)
        if not any(found.values()):
            raise UnknownTaskKind(_UNKNOWN_HELP)
        return {**help_json(found)}

    async def kind(self, category: str | None, action: str | None) -> TaskKind:
        """One action that can be run now.

        Raises:
            MissingKind: no category or no action is given.
            UnknownTaskKind: no app serves it.
            SchedulerUnavailable: nobody answers.
        """
        if not category or not action:
            raise MissingKind
        metadata = (await self._lookup(category, action)).get(category, {}).get(action)
        if metadata is None:
            raise UnknownTaskKind
        return TaskKind(category, action, metadata)

    async def _lookup(self, category: str, action: str | None) -> Help:
        try:
            check_name(category, "category")
            if action is not None:
                check_name(action, "action")
        except DefinitionError:
            return {}
        return await self._lookups.ask(category, action)
