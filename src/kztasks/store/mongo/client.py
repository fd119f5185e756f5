"""The store as a whole: one client of the driver, and what is built on it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from motor.motor_asyncio import AsyncIOMotorClient
from pymongo.errors import PyMongoError

from kztasks.errors import Misconfigured
from kztasks.store.mongo.accounts import MongoAccounts
from kztasks.store.mongo.aftermath import MongoAftermath
from kztasks.store.mongo.audit import MongoAudit
from kztasks.store.mongo.errors import translated
from kztasks.store.mongo.files import MongoFiles
from kztasks.store.mongo.idempotency import MongoIdempotency
from kztasks.store.mongo.indexes import ensure_indexes
from kztasks.store.mongo.log import MongoLog
from kztasks.store.mongo.loose_ends import MongoLooseEnds
from kztasks.store.mongo.nodes import MongoNodes
from kztasks.store.mongo.retention import MongoRetention
from kztasks.store.mongo.schedules import MongoSchedules
from kztasks.store.mongo.settings import MongoSettings
from kztasks.store.mongo.signing_keys import MongoSigningKeys
from kztasks.store.mongo.tasks import MongoTasks
from kztasks.store.mongo.together import Lane
from kztasks.store.mongo.triggers import MongoTriggers

_OPTIONS: Final[Mapping[str, Any]] = {
    "w": "majority",
    "journal": True,
    "readPreference": "primary",  # a secondary's log may be behind the document of its task
    "wtimeoutMS": 10_000,
    "serverSelectionTimeoutMS": 5_000,
    "connectTimeoutMS": 5_000,
    "socketTimeoutMS": 20_000,
    "heartbeatFrequencyMS": 2_000,  # a silent server is noticed before others take the tasks
    "appname": "kztasks",
}
"""Written out, as neither the server's defaults nor an address may weaken them."""


class MongoStore:
    """`Store` on a MongoDB, or on the embedded server. Belongs to one event loop."""

    def __init__(
        self, url: str, database: str = "kztasks", *, answer_s: float | None = None
    ) -> None:
        """Nothing is sent before the first call.

        Args:
            url: `mongodb://` or `mongodb+srv://` address.
            database: name of the database.
            answer_s: seconds for each call, the driver's own attempts and all. Without it a call of
                a server that hangs takes as long as the driver's timeouts add up to.

        Raises:
            Misconfigured: the address or the name makes no sense.
        """
        options = dict(_OPTIONS)
        if answer_s is not None:
            options["timeoutMS"] = int(answer_s * 1000)
        try:
            self._client: AsyncIOMotorClient[dict[str, Any]] = AsyncIOMotorClient(url, **options)
            self._database = self._client[database]
        except (PyMongoError, ValueError) as error:
            raise Misconfigured("the database's address or name makes no sense") from error
        collection: Callable[[str], Any] = self._database.get_collection
        lane = Lane()
        loose_ends = MongoLooseEnds(collection("loose_ends"), lane)
        self.files = MongoFiles(
            collection("attachments.files"), collection("attachments.chunks"), loose_ends, lane
        )
        self.log = MongoLog(collection("log"), lane)
        self.tasks = MongoTasks(collection("tasks"), self.files, self.log, loose_ends, lane)
        self.aftermath = MongoAftermath(collection("tasks"))
        self.retention = MongoRetention(self._database, loose_ends)
        self.nodes = MongoNodes(collection("nodes"))
        self.accounts = MongoAccounts(
            collection("accounts"), collection("tokens"), collection("api_keys"), lane
        )
        self.signing_keys = MongoSigningKeys(
            collection("signing_keys"), collection("revoked_tokens"), lane
        )
        self.audit = MongoAudit(collection("audit"), lane)
        self.idempotency = MongoIdempotency(collection("idempotency"))
        self.triggers = MongoTriggers(self._client, collection("triggers"), collection("firings"))
        self.schedules = MongoSchedules(
            collection("schedules"), collection("schedule_runs"), self.files, loose_ends
        )
        self._settings = MongoSettings(collection("settings"))

    async def prepare(self) -> None:
        """Create indexes and check that the unique ones are there."""
        await ensure_indexes(self._database)

    async def ping(self) -> None:
        """Ask whether the database answers."""
        with translated("being asked whether it is there"):
            await self._client.admin.command("ping")

    async def run_time_settings(self) -> Mapping[str, object]:
        """The settings document; empty if there is none."""
        return await self._settings.read()

    async def set_run_time_settings(self, values: Mapping[str, object]) -> None:
        """Merge values into the settings document."""
        await self._settings.merge(values)

    async def close(self) -> None:
        """Let go of the driver's connections."""
        self._client.close()
