"""A filter of tasks as a query document. Pure; no value can be taken for an operator."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from kztasks.store.filters import Comparable, Condition, Relation, TaskFilter

Query = dict[str, object]

_OPERATORS: Final[Mapping[Relation, Callable[[tuple[Comparable, ...]], Query]]] = MappingProxyType(
    {
        Relation.IS_ONE_OF: lambda values: {"$in": list(values)},
        Relation.IS_NONE_OF: lambda values: {"$nin": list(values)},
        Relation.EXISTS: lambda _: {"$exists": True},
        Relation.IS_MISSING: lambda _: {"$exists": False},
        Relation.AT_LEAST: lambda values: {"$gte": values[0]},
        Relation.AT_MOST: lambda values: {"$lte": values[0]},
    }
)


def query_of(where: TaskFilter) -> list[Query]:
    """One query document for each condition; all have to hold."""
    return [_query(condition) for condition in where.conditions]


def _query(condition: Condition) -> Query:
    return {condition.field: _OPERATORS[condition.relation](condition.values)}
