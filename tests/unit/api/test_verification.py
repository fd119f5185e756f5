"""Rows go to an app a few messages at a time; what it says is told in the order of the rows."""

from __future__ import annotations

import asyncio

import pytest

from kztasks.api import verification
from kztasks.api.catalogue import TaskKind
from kztasks.api.verification import Verdict, Verifications
from kztasks.csvio import Rows
from kztasks.errors import AppUnavailable
from tasks_bindings.errors import NoHandler
from tasks_bindings.wire.messages import AppIdentity, Metadata
from tasks_bindings.wire.verification import CellFailure, Verify, VerifyReply

KIND = TaskKind("cat", "act", Metadata(description="d", expected_content="text/csv"))
COLUMNS = ("a",)


class Apps:
    """Apps that refuse the cell `no`, each request after `gate` was opened."""

    def __init__(self) -> None:
        self.gate = asyncio.Event()
        self.gate.set()
        self.found: list[str | None] = ["first"]
        self.asked: list[str] = []
        self.lost = 0
        self.running = self.most = 0

    async def app_for(self, category: str, action: str, metadata: Metadata) -> str | None:
        return self.found.pop(0) if len(self.found) > 1 else self.found[0]

    async def verify(self, app: str, request: Verify) -> VerifyReply:
        self.asked.append(app)
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            await self.gate.wait()
            await asyncio.sleep(0)
            if self.lost:
                self.lost -= 1
                raise NoHandler("it died")
        finally:
            self.running -= 1
        bad = [
            CellFailure(row=number, column="a", value="no", rule="verifier")
            for number, (cell,) in enumerate(request.rows, request.first_row)
            if cell == "no"
        ]
        return VerifyReply(
            app=AppIdentity(name=app, instance="i", version="1"),
            rows=len(request.rows),
            failed_rows=len(bad),
            failed_cells=len(bad),
            failures=tuple(bad[: request.max_failures]),
        )


def rows(*cells: str, size: int = 4) -> Rows:
    return Rows([[cell] for cell in cells], [size] * len(cells), [1] * len(cells), 1)


async def verified(verifications: Verifications, *given: Rows) -> Verdict | None:
    async with verifications.of(KIND) as one:
        for some in given:
            await one.take(COLUMNS, some)
        return await one.finish()


async def test_failures_are_in_the_order_of_the_rows_and_the_first_hundred() -> None:
    apps = Apps()
    verdict = await verified(Verifications(apps), *[rows("yes", *["no"] * 59) for _ in range(100)])
    assert verdict is not None
    assert (verdict.failed_rows, verdict.failed_cells) == (5900, 5900)
    told = [one.row for one in verdict.failures]
    assert told == [number for number in range(1, 103) if number % 60 != 1]


@pytest.mark.parametrize(("count", "size", "messages"), [(1000, 4, 3), (10, 300_000, 3)])
async def test_a_message_holds_so_many_rows_or_bytes(count: int, size: int, messages: int) -> None:
    apps = Apps()
    await verified(Verifications(apps), *[rows(*["yes"] * count, size=size) for _ in range(3)])
    assert len(apps.asked) == messages


async def test_few_rows_are_put_into_one_message() -> None:
    apps = Apps()
    await verified(Verifications(apps), *[rows("yes") for _ in range(200)])
    assert len(apps.asked) == 1


async def test_all_dry_runs_together_have_so_many_messages_on_their_way() -> None:
    apps = Apps()
    apps.gate.clear()
    together = Verifications(apps)
    many = [rows(*["yes"] * verification.MOST_ROWS) for _ in range(verification.IN_FLIGHT)]
    runs = [
        asyncio.create_task(verified(together, *many)) for _ in range(verification.ALL_IN_FLIGHT)
    ]
    async with asyncio.timeout(10):
        while apps.running < verification.ALL_IN_FLIGHT:  # noqa: ASYNC110  (has no event)
            await asyncio.sleep(0)
    apps.gate.set()
    await asyncio.gather(*runs)
    assert apps.most == verification.ALL_IN_FLIGHT
    assert len(apps.asked) == verification.ALL_IN_FLIGHT * verification.IN_FLIGHT


async def test_one_dry_run_has_a_few_messages_on_their_way() -> None:
    apps = Apps()
    await verified(Verifications(apps), *[rows(*["yes"] * 1000) for _ in range(20)])
    assert apps.most == verification.IN_FLIGHT


async def test_the_second_time_another_app_may_be_asked() -> None:
    apps = Apps()
    apps.found, apps.lost = ["first", "second"], 1
    verdict = await verified(Verifications(apps), rows("no"))
    assert verdict is not None
    assert apps.asked == ["first", "second"]
    assert verdict.failed_rows == 1


@pytest.mark.parametrize("found", [["first", None], ["first"]])
async def test_rows_that_no_app_verifies_any_longer_are_an_error(found: list[str | None]) -> None:
    apps = Apps()
    apps.found, apps.lost = found, 2
    with pytest.raises(AppUnavailable):
        await verified(Verifications(apps), rows("yes"))


async def test_where_no_app_can_verify_none_is_asked() -> None:
    apps = Apps()
    apps.found = [None]
    assert await verified(Verifications(apps), rows("no"), rows("no")) is None
    assert apps.asked == []


async def test_what_is_on_its_way_is_given_up_with_the_dry_run() -> None:
    apps = Apps()
    apps.gate.clear()
    async with Verifications(apps).of(KIND) as one:
        await one.take(COLUMNS, rows(*["yes"] * 3000))
        await asyncio.sleep(0)
        assert apps.running == 3
    assert apps.running == 0
