"""Schedules of several schedulers on a store, and a clock that a test sets."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from kztasks.domain.schedule import (
    RunOutcome,
    Schedule,
)
from kztasks.domain.status import TaskStatus
from kztasks.domain.task import InputFile, Task
from kztasks.domain.timing import Timing
from kztasks.errors import TooManyTasks
from kztasks.schedules.service import Schedules
from kztasks.store.interface import Ending
from kztasks.store.mongo import MongoStore
from tests.integration.triggers.kit import SetClock, eventually

T0 = 1_790_000_400
CSV = b"number,comment\r\n1,a\r\n2,b\r\n"
ACCOUNT = "a" * 32


@dataclass
class Node:
    schedules: Schedules
    node_id: str
    loop: asyncio.Task[None]
    is_alive: bool = True


@dataclass
class Site:
    store: MongoStore
    clock: SetClock
    nodes: list[Node] = field(default_factory=list)
    started: list[str] = field(default_factory=list)
    refusal: str | None = None
    most_tasks: int = 1_000

    async def scheduler(
        self, *, store: Any = None, start: Any = None, settles: bool = True
    ) -> Node:
        node_id = f"n{len(self.nodes)}"
        await self.store.nodes.register(node_id, node_id)
        schedules = Schedules(
            store or self.store,
            self.clock,
            node_id=lambda: node_id,
            is_held=lambda: False,
            start=start or self.start,
            permit=self.permit,
        )
        node = Node(schedules, node_id, asyncio.create_task(schedules.run()))
        self.nodes.append(node)
        if settles:
            await eventually(self.is_settled)
        return node

    async def start(self, task_id: str) -> str | None:
        if self.refusal is None and task_id not in self.started:
            self.started.append(task_id)
            await self.store.tasks.claim(task_id, node="n", worker="n", now=T0)
        return self.refusal

    async def permit(self, _account_id: str) -> None:
        if len(await self.tasks()) >= self.most_tasks:
            raise TooManyTasks(self.most_tasks)

    async def end(self, task_id: str) -> None:
        ending = Ending(
            status=TaskStatus.SUCCESS,
            ended_at=T0,
            failed=0,
            succeeded=2,
            output=None,
            reason=None,
        )
        assert await self.store.tasks.finish(task_id, epoch=1, ending=ending)

    async def add(self, **changes: Any) -> Schedule:
        file = InputFile(
            file_id="s1.in.csv",
            columns=("number", "comment"),
            size=len(CSV),
            body_offset=16,
            body_line=2,
            sha256="0" * 64,
        )
        async with self.store.files.upload(file.file_id, "in.csv") as upload:
            await upload.write(CSV)
            await upload.commit()
        schedule = Schedule(
            id="s1",
            account_id=ACCOUNT,
            auth_account_id=ACCOUNT,
            category="c",
            action="x",
            timing=Timing("*/10 * * * *"),
            created=T0,
            next=T0 + 600,
            input=file,
            total_rows=2,
            file_name="n.csv",
        )
        schedule = replace(schedule, **changes)
        await self.store.schedules.insert(schedule)
        return schedule

    async def change(self, changed: Callable[[Schedule], Schedule]) -> None:
        now = await self.store.schedules.get("s1")
        assert now is not None
        assert await self.store.schedules.replace(changed(now))

    async def go_to(self, now: float) -> None:
        for _ in range(2):
            self.clock.set(now)
            await eventually(self.is_settled)

    async def kill(self, node: Node) -> None:
        node.is_alive = False
        tasks = [node.loop, *node.schedules._making.values()]
        for one in tasks:
            one.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self.store.nodes.remove(node.node_id)

    async def tasks(self) -> list[Task]:
        return await self.store.tasks.page(ACCOUNT, limit=1000, start=None)

    async def outcomes(self) -> list[tuple[int, RunOutcome, int]]:
        found = await self.store.schedules.records("s1", limit=1000)
        return [(one.instant - T0, one.outcome, one.count) for one in reversed(found)]

    def is_settled(self) -> bool:
        living = [node for node in self.nodes if node.is_alive]
        idle = all(node.schedules.making == 0 for node in living)
        return idle and self.clock.sleeping == len(living)
