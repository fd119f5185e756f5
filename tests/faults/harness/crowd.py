"""Many tasks of many accounts: created and started over HTTP, and checked all together."""

from __future__ import annotations

import asyncio
import secrets
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final, TypeVar

import httpx

from kztasks.settings import Settings
from kztasks.store.access_records import Account
from kztasks.store.mongo import MongoStore
from tests.faults.harness import app as fault_app
from tests.faults.harness import oracle
from tests.faults.harness.cluster import QUICK, FaultCluster
from tests.faults.harness.front import Front
from tests.faults.harness.store import DATABASE

T = TypeVar("T")
R = TypeVar("R")

AT_ONCE: Final = 16
"""Requests at the same time: as many uploads as an account may have."""
MANY_REQUESTS: Final = {"http_rate_per_s": "100000", "http_rate_burst": "100000"}
PRODUCT: Final = {
    name: str(Settings.model_fields[name].default) for name in QUICK if not name.startswith("http")
} | MANY_REQUESTS
"""Settings as they are without any, but for how much one client may ask."""


@dataclass(frozen=True, slots=True)
class Owned:
    """A task, its number in its run, and the account that it belongs to."""

    number: int
    task_id: str
    front: Front


@asynccontextmanager
async def accounts(cluster: FaultCluster, count: int) -> AsyncIterator[list[Front]]:
    """So many accounts, each with its view of the API; somebody who may do so acts for them all."""
    token = secrets.token_urlsafe(32)
    ids = [secrets.token_hex(16) for _ in range(count + 1)]
    store = MongoStore(cluster.store.url, DATABASE)
    for number, account_id in enumerate(ids):
        acts_for_all = account_id == ids[-1]
        account = Account(
            account_id=account_id, name=f"load {number}", superduper_admin=acts_for_all
        )
        await store.accounts.add(account)
    await store.accounts.add_token(token, ids[-1])
    await store.close()
    http = httpx.AsyncClient(
        base_url=cluster.front.http.base_url, headers={"X-Auth-Token": token}, timeout=60
    )
    async with http:
        yield [Front(http, account_id) for account_id in ids[:-1]]


async def create(
    fronts: Sequence[Front],
    numbers: Iterable[int],
    csv_of: Callable[[int], bytes],
    action: tuple[str, str] = (fault_app.CATEGORY, fault_app.ACTION),
) -> list[Owned]:
    """Create a task for each number, shared out evenly among accounts."""

    async def one(number: int) -> Owned:
        front = fronts[number % len(fronts)]
        return Owned(number, await front.create(*action, csv_of(number)), front)

    return await each(one, list(numbers))


async def begin(tasks: Sequence[Owned]) -> None:
    """Start all of them."""
    await each(lambda task: task.front.begin(task.task_id), tasks)


async def begin_before_apps(cluster: FaultCluster, tasks: Sequence[Owned]) -> None:
    """Start all of them while there is no app, so that all are executing when the apps are back."""
    for app in cluster.apps:
        await asyncio.to_thread(app.present.terminate)
    await begin(tasks)


async def each(work: Callable[[T], Awaitable[R]], items: Sequence[T]) -> list[R]:
    """Do the same for all items, some at a time; the results in their order."""
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(item: T) -> R:
        async with gate:
            return await work(item)

    return await asyncio.gather(*map(one, items))


async def wrong(cluster: FaultCluster, tasks: Sequence[Owned], rows: int) -> list[str]:
    """What is wrong in documents, logs and outputs of tasks that have run whole."""
    documents = {document["_id"]: document for document in await cluster.observer.tasks()}
    logs = defaultdict(list)
    for record in await cluster.observer.collection("log"):
        logs[record["t"]].append(record)

    async def faults_of(task: Owned) -> list[str]:
        document = documents[task.task_id]
        faults = oracle.log_faults(sorted(logs[task.task_id], key=lambda one: one["seq"]), rows)
        if document["pvt_status"] != "success":
            faults.append(f"it is {document['pvt_status']}: {document.get('reason')}")
        found = oracle.difference(
            oracle.expected_csv(task.number, rows), await task.front.output(task.task_id)
        )
        faults += [str(found)] if found is not None else []
        return [f"task {task.number} ({task.task_id}): {fault}" for fault in faults]

    return [fault for faults in await each(faults_of, tasks) for fault in faults]
