"""Heartbeats of scheduler processes in the collection `nodes`."""

from __future__ import annotations

from typing import TypedDict

from motor.motor_asyncio import AsyncIOMotorCollection
from pymongo.errors import DuplicateKeyError

from kztasks.store.interface import Node
from kztasks.store.mongo.errors import translated


class NodeDocument(TypedDict):
    """`beat` only ever grows; observers watch whether it does."""

    _id: str
    name: str
    beat: int


class MongoNodes:
    """`NodeStore`."""

    def __init__(self, nodes: AsyncIOMotorCollection[NodeDocument]) -> None:
        self._nodes = nodes

    async def register(self, node_id: str, name: str) -> None:
        """Begin to be alive."""
        with translated("registering a node"):
            try:
                await self._nodes.insert_one({"_id": node_id, "name": name, "beat": 0})
            except DuplicateKeyError:
                return

    async def beat(self, node_id: str) -> bool:
        """Count one up; a double count after a lost answer does no harm."""
        with translated("beating"):
            result = await self._nodes.update_one({"_id": {"$eq": node_id}}, {"$inc": {"beat": 1}})
        return result.matched_count == 1

    async def all(self) -> list[Node]:
        """Every node that has not been removed."""
        with translated("listing nodes"):
            documents = await self._nodes.find({}).to_list(None)
        return [Node(found["_id"], found["name"], found["beat"]) for found in documents]

    async def remove(self, node_id: str) -> bool:
        """Declare a node dead, or leave."""
        with translated("removing a node"):
            result = await self._nodes.delete_one({"_id": {"$eq": node_id}})
        return result.deleted_count == 1
