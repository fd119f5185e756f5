"""The indexes, made at start. The embedded server ignores their names, so they go by their keys."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from motor.motor_asyncio import AsyncIOMotorDatabase
from pymongo import ASCENDING, DESCENDING
from pymongo.errors import ConnectionFailure, OperationFailure, WTimeoutError

from kztasks.errors import Misconfigured
from kztasks.store.mongo.errors import is_passing, translated
from kztasks.store.mongo.idempotency import KEPT_S, SILENCE_S
from kztasks.store.mongo.schedules import RECORDS_KEPT_S
from kztasks.store.mongo.triggers import FIRINGS_KEPT_S


@dataclass(frozen=True, slots=True)
class Index:
    """One index; `keys` are pairs of field and direction.

    With `expire_after_s` documents go that many seconds after the time in the field; a document
    without the field stays.
    """

    collection: str
    name: str
    keys: tuple[tuple[str, int], ...]
    unique: bool = False
    expire_after_s: int | None = None


INDEXES: Final = (
    Index(
        "tasks",
        "account_newest_first",
        (("pvt_account_id", ASCENDING), ("created_key", DESCENDING)),
    ),
    Index("tasks", "account_status", (("pvt_account_id", ASCENDING), ("pvt_status", ASCENDING))),
    Index("tasks", "status_owner", (("pvt_status", ASCENDING), ("owner.node", ASCENDING))),
    Index("tasks", "cleanup", (("cleanup_due", ASCENDING),)),
    Index("tasks", "final", (("final_since", ASCENDING),)),
    Index("tasks", "log_kept", (("log_kept_since", ASCENDING),)),
    Index("tasks", "files_kept", (("files_kept_since", ASCENDING),)),
    Index("loose_ends", "at", (("at", ASCENDING),)),
    Index("log", "task_seq", (("t", ASCENDING), ("seq", ASCENDING)), unique=True),
    Index("tokens", "account", (("account", ASCENDING),)),
    Index("api_keys", "account", (("account", ASCENDING),)),
    Index("revoked_tokens", "expiry", (("until", ASCENDING),), expire_after_s=0),
    Index("audit", "account_newest_first", (("account", ASCENDING), ("at", DESCENDING))),
    Index("audit", "at", (("at", ASCENDING),)),
    Index("firings", "trigger_latest_first", (("trigger", ASCENDING), ("instant", DESCENDING))),
    Index("firings", "old", (("written", ASCENDING),), expire_after_s=FIRINGS_KEPT_S),
    Index("schedules", "wakes", (("wakes", ASCENDING),)),
    Index(
        "schedules",
        "account_newest_first",
        (("pvt_account_id", ASCENDING), ("pvt_created", DESCENDING)),
    ),
    Index(
        "schedule_runs",
        "schedule_latest_first",
        (("schedule", ASCENDING), ("instant", DESCENDING)),
    ),
    Index("schedule_runs", "old", (("written", ASCENDING),), expire_after_s=RECORDS_KEPT_S),
    Index("idempotency", "silent", (("beat", ASCENDING),), expire_after_s=SILENCE_S),
    Index("idempotency", "old", (("finished", ASCENDING),), expire_after_s=KEPT_S),
    # The two below are GridFS's own, under its own names.
    Index(
        "attachments.files",
        "filename_1_uploadDate_1",
        (("filename", ASCENDING), ("uploadDate", ASCENDING)),
    ),
    Index(
        "attachments.chunks",
        "files_id_1_n_1",
        (("files_id", ASCENDING), ("n", ASCENDING)),
        unique=True,
    ),
)


async def ensure_indexes(database: AsyncIOMotorDatabase[dict[str, Any]]) -> None:
    """Create what is missing; doing it again changes nothing.

    Raises:
        Misconfigured: an index is there with other options, or a unique one cannot be had.
        StoreUnavailable: the database does not answer.
    """
    for index in INDEXES:
        with translated("creating indexes"):
            options: dict[str, Any] = {}
            if index.expire_after_s is not None:
                options["expireAfterSeconds"] = index.expire_after_s
            try:
                await database[index.collection].create_index(
                    list(index.keys), name=index.name, unique=index.unique, **options
                )
            except (ConnectionFailure, WTimeoutError):
                raise
            except OperationFailure as error:
                if is_passing(error):
                    raise
                raise Misconfigured(
                    f"the index {index.name} of the collection {index.collection} cannot be made"
                ) from error
    await _check_log(database)


async def _check_log(database: AsyncIOMotorDatabase[dict[str, Any]]) -> None:
    """Two owners of a task may write the same seq; without uniqueness both would count."""
    with translated("reading indexes"):
        found = await database["log"].index_information()
    for index in found.values():
        if [field for field, _ in index["key"]] == ["t", "seq"] and index.get("unique"):
            return
    raise Misconfigured("the collection `log` has no unique index on (t, seq)")
