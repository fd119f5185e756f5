"""Collections of a database in memory: single documents, unique `_id`, and nothing else.

Whoever asks goes through a gate, which says when the answer comes and whether it arrives.
"""

from __future__ import annotations

import copy
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, Final

from pymongo import UpdateOne
from pymongo.errors import BulkWriteError, DuplicateKeyError

Document = dict[str, Any]
Gate = Callable[[str, Callable[[], Any]], Awaitable[Any]]
"""Given the name of an operation and how it is done; gives its result when the model lets it."""
Watcher = Callable[[Document | None, Document], None]
"""Told each change: the document as it was and as it is."""

_MISSING: Final = object()


class Documents:
    """What all views of a collection share. `watch` is told of each change, before it counts."""

    def __init__(self, watch: Watcher) -> None:
        self.by_id: Final[dict[str, Document]] = {}
        self._watch = watch

    def insert(self, document: Document) -> None:
        """A new document.

        Raises:
            DuplicateKeyError: there is one with this `_id`.
        """
        if document["_id"] in self.by_id:
            raise DuplicateKeyError("E11000", 11000)
        self.write(document)

    def write(self, document: Document) -> None:
        """Put a document in the place of whatever is there."""
        before = self.by_id.get(document["_id"])
        self._watch(before, document)
        self.by_id[document["_id"]] = copy.deepcopy(document)

    def found(self, guard: Document) -> list[Document]:
        """Copies of the documents that fit."""
        among = list(self.by_id.values())
        if "_id" in guard:
            wanted = guard["_id"]
            ids = wanted["$in"] if "$in" in wanted else [wanted["$eq"]]
            among = [self.by_id[one] for one in ids if one in self.by_id]
        return [copy.deepcopy(one) for one in among if _fits(one, guard)]

    def change(self, guard: Document, update: Document) -> Document | None:
        """The first document that fits, as it is after the change."""
        there = self.found(guard)
        if not there:
            return None
        changed = there[0]
        for operator, values in update.items():
            for path, value in values.items():
                _apply(changed, operator, path, value)
        self.write(changed)
        return copy.deepcopy(changed)


class Collection:
    """The part of the driver's collection that the store uses, as one process sees it."""

    def __init__(self, documents: Documents, gate: Gate) -> None:
        self._documents = documents
        self._gate = gate

    async def insert_one(self, document: Document) -> None:
        await self._gate("insert", lambda: self._documents.insert(document))

    async def insert_many(self, documents: Sequence[Document], *, ordered: bool) -> None:
        assert not ordered, "the model goes on after a document that is there"
        await self._gate("insert", lambda: self._insert_all(documents))

    def _insert_all(self, documents: Sequence[Document]) -> None:
        errors = []
        for index, document in enumerate(documents):
            try:
                self._documents.insert(document)
            except DuplicateKeyError as error:
                errors.append({"index": index, "code": error.code, "errmsg": str(error)})
        if errors:
            raise BulkWriteError({"writeErrors": errors})

    async def bulk_write(self, updates: Sequence[UpdateOne], *, ordered: bool) -> None:
        assert not ordered, "the model goes on after a change that is not made"
        made: Any = [(one._filter, one._doc) for one in updates]
        await self._gate("update", lambda: [self._documents.change(*one) for one in made])

    async def replace_one(self, document: Document) -> None:
        await self._gate("replace", lambda: self._documents.write(document))

    async def find_one(self, guard: Document) -> Document | None:
        found: list[Document] = await self._gate("find", lambda: self._documents.found(guard))
        return found[0] if found else None

    async def find_one_and_update(
        self, guard: Document, update: Document, **_: Any
    ) -> Document | None:
        changed: Document | None = await self._gate(
            "update", lambda: self._documents.change(guard, update)
        )
        return changed

    async def update_one(self, guard: Document, update: Document) -> Any:
        changed = await self.find_one_and_update(guard, update)
        return SimpleNamespace(matched_count=int(changed is not None))

    @property
    def name(self) -> str:
        """There is one in the database, whatever its name."""
        return "documents"

    @property
    def database(self) -> Collection:
        """What takes commands."""
        return self

    async def command(self, name: str, _collection: str, *, query: Document, limit: int) -> Any:
        """The one command that the store sends."""
        assert name == "count", f"the model knows no {name}"
        found = await self._gate("find", lambda: self._documents.found(query))
        return {"n": min(len(found), limit)}

    async def distinct(self, path: str, guard: Document) -> list[Any]:
        found = await self._gate("find", lambda: self._documents.found(guard))
        return list({_value(one, path) for one in found})

    def find(self, guard: Document, _fields: object = None) -> _Found:
        return _Found(self._documents, self._gate, guard)


class _Found:
    def __init__(self, documents: Documents, gate: Gate, guard: Document) -> None:
        self._documents = documents
        self._gate = gate
        self._guard = guard
        self._order: tuple[str, int] | None = None
        self._limit: int | None = None

    def sort(self, field: str, direction: int) -> _Found:
        self._order = (field, direction)
        return self

    def limit(self, limit: int) -> _Found:
        self._limit = limit
        return self

    async def to_list(self, _length: int | None) -> list[Document]:
        found: list[Document] = await self._gate("find", self._read)
        return found

    def _read(self) -> list[Document]:
        found = self._documents.found(self._guard)
        if self._order is not None:
            field, direction = self._order
            found.sort(key=lambda one: one[field], reverse=direction < 0)
        return found[: self._limit]


def _fits(document: Document, guard: Document) -> bool:
    return all(
        _holds(_value(document, path), operator, wanted)
        for path, conditions in guard.items()
        for operator, wanted in conditions.items()
    )


def _holds(value: Any, operator: str, wanted: Any) -> bool:
    match operator:
        case "$eq":
            return bool((None if value is _MISSING else value) == wanted)
        case "$ne":
            return bool((None if value is _MISSING else value) != wanted)
        case "$gte":
            return value is not _MISSING and bool(value >= wanted)
        case "$exists":
            return bool((value is not _MISSING) == wanted)
        case "$in":
            return bool(value in wanted)
    raise AssertionError(f"the model knows no {operator}")


def _value(document: Document, path: str) -> Any:
    value: Any = document
    for name in path.split("."):
        if not isinstance(value, dict) or name not in value:
            return _MISSING
        value = value[name]
    return value


def _apply(document: Document, operator: str, path: str, value: Any) -> None:
    *parents, name = path.split(".")
    target = document
    for parent in parents:
        target = target.setdefault(parent, {})
    match operator:
        case "$set":
            target[name] = copy.deepcopy(value)
        case "$unset":
            target.pop(name, None)
        case "$currentDate":
            target[name] = datetime.now(UTC)
        case "$inc":
            target[name] = target.get(name, 0) + value
        case "$addToSet":
            there = target.setdefault(name, [])
            there += [one for one in value["$each"] if one not in there]
        case _:
            raise AssertionError(f"the model knows no {operator}")
