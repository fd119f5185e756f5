"""Reads the filters of a list of tasks from the query, by Kazoo's names.

A filter compares a field of the task's document (`filter_pvt_status=success`). The names that tasks
have in answers stand for the fields, too (`filter_status=success`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Final

from kztasks.api.refusals import BadField
from kztasks.store.filters import FIELDS, Comparable, Condition, Relation, TaskFilter

MAX_CONDITIONS: Final = 20
MAX_VALUES: Final = 100

_ALIASES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "id": "_id",
        "node": "pvt_worker_node",
        "account_id": "pvt_account_id",
        "auth_account_id": "pvt_auth_account_id",
        "category": "pvt_category",
        "action": "pvt_action",
        "file_name": "pvt_file_name",
        "created": "pvt_created",
        "start_timestamp": "pvt_started_at",
        "end_timestamp": "pvt_ended_at",
        "total_count": "pvt_total_rows",
        "failure_count": "pvt_total_rows_failed",
        "success_count": "pvt_total_rows_succeeded",
        "status": "pvt_status",
        "csvs": "attachments",
    }
)
_RANGES: Final = {
    "created_from": ("pvt_created", Relation.AT_LEAST),
    "created_to": ("pvt_created", Relation.AT_MOST),
    "modified_from": ("pvt_modified", Relation.AT_LEAST),
    "modified_to": ("pvt_modified", Relation.AT_MOST),
}
_PRESENCE: Final = {
    "has_key": Relation.EXISTS,
    "has_value": Relation.EXISTS,
    "key_missing": Relation.IS_MISSING,
    "value_missing": Relation.IS_MISSING,
    "missing_value": Relation.IS_MISSING,
}
_SECONDS: Final = re.compile(r"[0-9]{1,12}")
_INTEGER: Final = re.compile(r"-?[0-9]{1,15}")
_FLAGS: Final = {"true": True, "false": False}


_NEVER: Final = None
"""A condition that can hold for no task."""


def task_filter(query: Iterable[tuple[str, str]]) -> TaskFilter:
    """The filter that a query asks for; all its conditions have to hold.

    Args:
        query: names and values, in any order; names that are no filter are left alone.

    Raises:
        BadField: a time is no number of Gregorian seconds, or there are too many conditions.
    """
    found = [one for name, text in query for one in _conditions(name, text)]
    if len(found) > MAX_CONDITIONS:
        raise BadField("filter", "maxItems", "There are too many filters", target=MAX_CONDITIONS)
    if _NEVER in found:
        return TaskFilter(is_empty=True)
    return TaskFilter(tuple(one for one in found if one is not None))


def _conditions(name: str, text: str) -> Iterator[Condition | None]:
    if name in _RANGES:
        field, relation = _RANGES[name]
        yield Condition(field, relation, (_seconds(name, text),))
    elif name in _PRESENCE:
        for key in _members(text):
            yield from _presence(key, _PRESENCE[name])
    elif name.startswith("filter_not_"):
        yield from _comparison(name.removeprefix("filter_not_"), Relation.IS_NONE_OF, text)
    elif name.startswith("filter_"):
        yield from _comparison(name.removeprefix("filter_"), Relation.IS_ONE_OF, text)


def _presence(key: str, relation: Relation) -> Iterator[Condition | None]:
    field = _ALIASES.get(key, key)
    if field in FIELDS:
        yield Condition(field, relation)
    elif relation is Relation.EXISTS:
        yield _NEVER


def _comparison(key: str, relation: Relation, text: str) -> Iterator[Condition | None]:
    field = _ALIASES.get(key, key)
    values = tuple(_values(field, _members(text))) if field in FIELDS else ()
    if values:
        yield Condition(field, relation, values)
    elif relation is Relation.IS_ONE_OF:
        yield _NEVER


def _values(field: str, members: list[str]) -> Iterator[Comparable]:
    """The members that the field can have at all."""
    for member in members:
        if FIELDS[field] is str:
            yield member
        elif FIELDS[field] is bool and member in _FLAGS:
            yield _FLAGS[member]
        elif FIELDS[field] is int and _INTEGER.fullmatch(member):
            yield int(member)


def _members(text: str) -> list[str]:
    """The members of a JSON list, or the text alone. What is not text is spelt as JSON does."""
    if not text.startswith("["):
        return [text]
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return [text]
    if len(found) > MAX_VALUES:
        raise BadField("filter", "maxItems", "There are too many values", target=MAX_VALUES)
    return [member if isinstance(member, str) else json.dumps(member) for member in found]


def _seconds(name: str, text: str) -> int:
    if _SECONDS.fullmatch(text) is None:
        raise BadField(name, "type", "Value did not match type(s): integer", target="integer")
    return int(text)
