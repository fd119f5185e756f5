"""What a list of tasks may be narrowed by: comparisons with fields of a task's document."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final

Comparable = str | int | bool


class Relation(StrEnum):
    """How a field is compared."""

    IS_ONE_OF = "is_one_of"
    IS_NONE_OF = "is_none_of"
    """Also true where the field is missing."""
    EXISTS = "exists"
    IS_MISSING = "is_missing"
    AT_LEAST = "at_least"
    AT_MOST = "at_most"


FIELDS: Final[Mapping[str, type[Comparable]]] = MappingProxyType(
    {
        "_id": str,
        "pvt_type": str,
        "pvt_account_id": str,
        "pvt_auth_account_id": str,
        "pvt_category": str,
        "pvt_action": str,
        "pvt_file_name": str,
        "pvt_status": str,
        "pvt_worker_node": str,
        "pvt_created": int,
        "pvt_modified": int,
        "pvt_started_at": int,
        "pvt_ended_at": int,
        "pvt_total_rows": int,
        "pvt_total_rows_failed": int,
        "pvt_total_rows_succeeded": int,
        "attachments": str,
        "reason": str,
        "waiting_for": str,
        "rescues": int,
        "stop_requested": bool,
    }
)
"""The fields that can be compared, with the type of their values. No other name gets further."""


@dataclass(frozen=True, slots=True)
class Condition:
    """One comparison; `field` is a key of `FIELDS`."""

    field: str
    relation: Relation
    values: tuple[Comparable, ...] = ()

    def __post_init__(self) -> None:
        if self.field not in FIELDS:
            raise ValueError(f"{self.field!r} is no field of a task")


@dataclass(frozen=True, slots=True)
class TaskFilter:
    """Tasks for which every condition holds; `is_empty` when none can be among them."""

    conditions: tuple[Condition, ...] = ()
    is_empty: bool = False


EVERYTHING: Final = TaskFilter()
