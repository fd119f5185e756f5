"""The document that operators change while the service runs: collection `settings`, id `tasks`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from motor.motor_asyncio import AsyncIOMotorCollection
from pymongo.errors import DuplicateKeyError

from kztasks.errors import Invalid
from kztasks.store.mongo.errors import translated

_ID: Final = {"_id": {"$eq": "tasks"}}


class MongoSettings:
    """One flat document; its keys are the settings' names."""

    def __init__(self, settings: AsyncIOMotorCollection[dict[str, Any]]) -> None:
        self._settings = settings

    async def read(self) -> Mapping[str, object]:
        """All values that were set."""
        with translated("reading the settings"):
            document = await self._settings.find_one(_ID)
        return {name: value for name, value in (document or {}).items() if name != "_id"}

    async def merge(self, values: Mapping[str, object]) -> None:
        """Set values; others stay.

        Raises:
            Invalid: a name that MongoDB would take for a path or an operator.
        """
        for name in values:
            if not name or name == "_id" or name.startswith("$") or set(name) & {".", "\0"}:
                raise Invalid(f"{name!r} cannot be the name of a setting")
        if not values:
            return
        with translated("writing the settings"):
            try:
                await self._settings.insert_one({"_id": "tasks", **values})
            except DuplicateKeyError:
                await self._settings.update_one(_ID, {"$set": dict(values)})
