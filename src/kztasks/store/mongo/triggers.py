"""States of triggers in the collection `triggers`, records of firings in `firings`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Final

from motor.motor_asyncio import AsyncIOMotorClient, AsyncIOMotorCollection
from pymongo import DESCENDING
from pymongo.errors import DuplicateKeyError

from kztasks.domain.firing import Firing, Run, TriggerState
from kztasks.domain.gregorian import from_unix
from kztasks.errors import StoreUnavailable
from kztasks.store.mongo.errors import translated
from kztasks.store.mongo.firing_document import (
    FiringDocument,
    StateDocument,
    firing_document,
    firing_of,
    run_document,
    run_of,
    state_of,
)

FIRINGS_KEPT_S: Final = 30 * 24 * 3600
"""How long the record of a firing is kept after it was last written."""


class MongoTriggers:
    """`TriggerStore`."""

    def __init__(
        self,
        client: AsyncIOMotorClient[dict[str, Any]],
        triggers: AsyncIOMotorCollection[StateDocument],
        firings: AsyncIOMotorCollection[FiringDocument],
    ) -> None:
        self._client = client
        self._triggers = triggers
        self._firings = firings

    async def states(self) -> list[TriggerState]:
        """All triggers that anything was ever bound to."""
        with translated("reading triggers"):
            documents = await self._triggers.find({}).sort("_id").to_list(None)
        return [state_of(document) for document in documents]

    async def bind(self, key: str, app: str, *, last: int) -> None:
        """Note that an app is bound to a trigger."""
        new: StateDocument = {
            "_id": key,
            "version": 0,
            "last": from_unix(last),
            "apps": [],
            "run": None,
            "ended": None,
            "requested": None,
        }
        with translated("binding an app to a trigger"), suppress(DuplicateKeyError):
            await self._triggers.insert_one(new)

        def bound(apps: list[str]) -> Mapping[str, object]:
            if app in apps:
                return {}
            return {"apps": [*apps, app], **({} if apps else {"last": from_unix(last)})}

        await self._change_apps(key, bound)

    async def unbind(self, key: str, app: str) -> bool:
        """Forget that an app is bound to a trigger."""

        def unbound(apps: list[str]) -> Mapping[str, object]:
            return {"apps": [one for one in apps if one != app]} if app in apps else {}

        return await self._change_apps(key, unbound)

    async def begin(self, state: TriggerState, run: Run) -> bool:
        """From a state in which nothing runs to one in which `run` does."""
        change = {
            "last": from_unix(run.instant),
            "run": run_document(run),
            "requested": None,
        }
        if await self._from(state, change):
            return True
        return await self._run(state.key) == run

    async def skip(self, state: TriggerState, last: int) -> bool:
        """From a state in which nothing runs to `last` without a run."""
        return await self._from(state, {"last": from_unix(last)})

    async def take_over(self, state: TriggerState, node: str) -> Run | None:
        """The run of a dead node for `node`."""
        lost = state.run
        if lost is None:
            return None
        taken = Run(lost.firing_id, lost.instant, node, lost.epoch + 1)
        with translated("taking over a trigger's run"):
            result = await self._triggers.update_one(
                {
                    "_id": {"$eq": state.key},
                    "run.firing": {"$eq": lost.firing_id},
                    "run.epoch": {"$eq": lost.epoch},
                },
                {"$set": {"run": run_document(taken)}},
            )
        if result.matched_count == 1 or await self._run(state.key) == taken:
            return taken
        return None

    async def end(self, key: str, run: Run, *, ended: int) -> bool:
        """Nothing runs any more."""
        with translated("ending a trigger's run"):
            result = await self._triggers.update_one(
                {
                    "_id": {"$eq": key},
                    "run.firing": {"$eq": run.firing_id},
                    "run.epoch": {"$eq": run.epoch},
                },
                {"$set": {"run": None, "ended": from_unix(ended)}},
            )
        return result.matched_count == 1

    async def request(self, key: str, request_id: str) -> bool:
        """Ask for a firing now."""
        with translated("asking for a firing"):
            result = await self._triggers.update_one(
                {"_id": {"$eq": key}, "requested": None}, {"$set": {"requested": request_id}}
            )
        return result.matched_count == 1

    async def record(self, firing: Firing) -> Firing:
        """Write a record that is not there yet."""
        document = firing_document(firing, datetime.now(UTC))
        with translated("recording a firing"):
            try:
                await self._firings.insert_one(document)
            except DuplicateKeyError:
                there = await self._firings.find_one({"_id": {"$eq": firing.id}})
            else:
                return firing
        if there is None:  # it was too old to be kept just then
            raise StoreUnavailable("the record of a firing is being removed")
        return firing_of(there)

    async def adopt(self, run: Run) -> Firing | None:
        """The record of a run that was taken over."""
        which = {"_id": {"$eq": run.firing_id}}
        with translated("adopting a firing"):
            await self._firings.update_one(
                {**which, "epoch": {"$lt": run.epoch}}, {"$set": {"epoch": run.epoch}}
            )
            document = await self._firings.find_one(which)
        return firing_of(document) if document is not None else None

    async def rewrite(self, firing: Firing) -> bool:
        """Replace the record of a run."""
        document = firing_document(firing, datetime.now(UTC))
        values = {name: value for name, value in document.items() if name != "_id"}
        with translated("recording a firing"):
            result = await self._firings.update_one(
                {"_id": {"$eq": firing.id}, "epoch": {"$lte": firing.epoch}}, {"$set": values}
            )
        return result.matched_count == 1

    async def firing(self, firing_id: str) -> Firing | None:
        """A record."""
        with translated("reading a firing"):
            document = await self._firings.find_one({"_id": {"$eq": firing_id}})
        return firing_of(document) if document is not None else None

    async def firings(self, key: str, *, limit: int) -> list[Firing]:
        """Records of a trigger, the latest moment first."""
        found = self._firings.find({"trigger": {"$eq": key}}).sort("instant", DESCENDING)
        with translated("reading firings"):
            documents = await found.limit(limit).to_list(limit)
        return [firing_of(document) for document in documents]

    async def databases(self) -> list[str]:
        """Names of all databases of the server, sorted."""
        with translated("listing databases"):
            return sorted(await self._client.list_database_names())

    async def _change_apps(
        self, key: str, changed: Callable[[list[str]], Mapping[str, object]]
    ) -> bool:
        """Change the list as it is now; a filter on it would mean different things to servers."""
        while True:
            with translated("reading a trigger"):
                document = await self._triggers.find_one({"_id": {"$eq": key}})
            change = changed(document["apps"]) if document is not None else None
            if document is None or not change:
                return False
            with translated("changing the apps of a trigger"):
                result = await self._triggers.update_one(
                    {"_id": {"$eq": key}, "version": {"$eq": document["version"]}},
                    {"$set": {**change, "version": document["version"] + 1}},
                )
            if result.matched_count == 1:
                return True

    async def _from(self, state: TriggerState, change: Mapping[str, object]) -> bool:
        """Change the document if it is as in `state`, and nothing runs."""
        with translated("moving a trigger on"):
            result = await self._triggers.update_one(
                {
                    "_id": {"$eq": state.key},
                    "last": {"$eq": from_unix(state.last)},
                    "run": None,
                },
                {"$set": dict(change)},
            )
        return result.matched_count == 1

    async def _run(self, key: str) -> Run | None:
        with translated("reading a trigger"):
            document = await self._triggers.find_one({"_id": {"$eq": key}})
        run = document["run"] if document is not None else None
        return run_of(run) if run is not None else None
