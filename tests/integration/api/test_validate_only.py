"""A dry run: all that creation checks, every row verified by the app, and nothing stored."""

from __future__ import annotations

import asyncio
import gc
import json
import threading
import tracemalloc
from collections.abc import AsyncIterator, Callable
from typing import Any, Final

import pytest
from structlog.testing import capture_logs

from kztasks.api import verification
from kztasks.api.deps import ApiSettings
from kztasks.api.edge import exchange as exchange_module
from kztasks.processes.http import HttpServer
from kztasks.settings import Settings
from tasks_bindings import App, AppRunner, Environment
from tasks_bindings.bus.memory import MemoryBroker, MemoryBus
from tests.contract.bus.kit import PATIENCE_S
from tests.contract.discovery.kit import within
from tests.contract.discovery.stub import StubApp
from tests.integration.api.kit import HELP, NOTHING, TASKS, TOKEN, VERIFY_TIMEOUT_S, Exchange, Front
from tests.integration.api.picky import picky_app

pytestmark = pytest.mark.store

ID2: Final = HELP["skel"]["id2"]
UNVERIFIED: Final[dict[str, Any]] = {
    "verified": False, "failed_rows": None, "failed_cells": None, "failures": [],
}  # fmt: skip
CSV: Final = {"content-type": "text/csv"}
QUERY: Final = "category=skel&action=id2&validate_only=true"
MIB: Final = 1024 * 1024

RunApp = Callable[..., Any]


@pytest.fixture
def api_settings() -> ApiSettings:
    return ApiSettings(node="kztasks@h1", max_json_bytes=100_000)


@pytest.fixture
async def run_app(broker: MemoryBroker) -> AsyncIterator[RunApp]:
    """Start an instance of an app; gives its bus."""
    running: list[tuple[AppRunner, MemoryBus]] = []

    async def run(app: App | None = None) -> MemoryBus:
        bus = MemoryBus(broker, name="app")
        await bus.start()
        runner = AppRunner(app or picky_app(), bus, Environment({}))
        await runner.start()
        running.append((runner, bus))
        return bus

    yield run
    for runner, bus in running:
        await runner.close(drain_s=0)
        await bus.close()


@pytest.fixture
async def stub(broker: MemoryBroker) -> AsyncIterator[StubApp]:
    """An app that says that it verifies, and then answers as it was told to."""
    bus = MemoryBus(broker, name="stub")
    await bus.start()
    app = StubApp(bus, "stub", {"verifies": True}, metadata=ID2, action=("skel", "id2"))
    await app.start()
    yield app
    await bus.close()


@pytest.fixture
async def server(front: Front) -> AsyncIterator[HttpServer]:
    """The front behind its own server."""
    server = HttpServer(front.app, Settings(http_port=0))
    await server.start()
    yield server
    await server.close()


async def dry_run(front: Front, body: Any, **options: Any) -> dict[str, Any]:
    response = await front.put(body, validate_only="true", **options)
    assert response.status_code == 200, response.text
    data: dict[str, Any] = response.json()["data"]
    return data


async def test_rows_that_would_fail_are_named_and_nothing_is_stored(
    front: Front, run_app: RunApp
) -> None:
    await run_app()
    data = await dry_run(front, b"col1,col2\n1,2\nx,4\n5,6\n")

    assert data == {
        "valid": True,
        "rows": 3,
        "columns": ["col1", "col2"],
        "verified": True,
        "failed_rows": 1,
        "failed_cells": 1,
        "failures": [
            {
                "row": 2,
                "column": "col1",
                "value": "x",
                "rule": "verifier",
                "message": "the verifier of the column refuses this value",
            }
        ],
    }
    assert await front.stored() == NOTHING


async def test_a_good_input_has_no_failures(front: Front, run_app: RunApp) -> None:
    await run_app()
    data = await dry_run(front, b"col1,col2\n1,2")
    assert (data["verified"], data["failed_rows"], data["failures"]) == (True, 0, [])


async def test_json_records_are_verified_as_well(front: Front, run_app: RunApp) -> None:
    """Kazoo does not ask records for mandatory values when it takes them; their rows fail."""
    await run_app()
    records = [{"col1": 1, "col2": "a"}, {"col1": "x", "col2": "b"}, {"col2": "c"}]
    body = json.dumps({"data": {"records": records}}).encode()
    data = await dry_run(front, body, content_type="application/json")

    assert (data["rows"], data["failed_rows"]) == (3, 2)
    assert [(one["row"], one["value"], one["rule"]) for one in data["failures"]] == [
        (2, "x", "verifier"),
        (3, None, "mandatory"),
    ]
    assert await front.stored() == NOTHING


async def test_a_task_without_input_has_nothing_to_verify(front: Front) -> None:
    assert await dry_run(front, b"", action="tick") == {
        "valid": True,
        "rows": None,
        "columns": [],
        "verified": True,
        "failed_rows": 0,
        "failed_cells": 0,
        "failures": [],
    }
    assert await front.stored() == NOTHING


async def test_where_the_app_cannot_verify_the_answer_says_so(
    front: Front, broker: MemoryBroker
) -> None:
    bus = MemoryBus(broker, name="stub")
    await bus.start()
    app = StubApp(bus, "stub", metadata=ID2, action=("skel", "id2"))
    await app.start()
    data = await dry_run(front, b"col1,col2\nx,2\n")
    await bus.close()

    assert data == {"valid": True, "rows": 1, "columns": ["col1", "col2"], **UNVERIFIED}
    assert app.asked == []


@pytest.mark.parametrize(
    ("body", "action"),
    [
        (b"col1,col2\n" + b"x,2\n" * 3000 + b"1\n", "id2"),
        (b"col1,col2\n" + b"x,2\n" * 3000 + b",2\n", "id2"),
        (b"col1\n1\n", "id2"),
        (b"", "id2"),
        (b"col1,col2\n1,2\n", "tick"),
        (b"col1,col2\n1,2\n", "nope"),
    ],
)
async def test_what_creation_refuses_is_refused_in_the_same_words(
    front: Front, run_app: RunApp, body: bytes, action: str
) -> None:
    await run_app()
    checked = await front.put(body, action=action, validate_only="true")
    created = await front.put(body, action=action)

    assert checked.status_code == created.status_code >= 400
    assert checked.json()["data"] == created.json()["data"]
    assert await front.stored() == NOTHING


async def test_over_many_messages_rows_keep_their_numbers_and_the_list_its_bound(
    front: Front, run_app: RunApp
) -> None:
    await run_app()
    lines = (f"{'x' if number % 100 == 0 else number},2\n" for number in range(1, 12_346))
    data = await dry_run(front, ("col1,col2\n" + "".join(lines)).encode())

    assert (data["rows"], data["failed_rows"], data["failed_cells"]) == (12_345, 123, 123)
    assert [one["row"] for one in data["failures"]] == [*range(100, 10_001, 100)]


async def test_a_slow_verifier_is_asked_as_often_as_it_takes(front: Front, run_app: RunApp) -> None:
    seen = []

    def slow(cell: str) -> bool:
        seen.append(cell)
        threading.Event().wait(0.02)
        return cell != "40"

    await run_app(picky_app(slow))
    rows = "".join(f"{number},2\n" for number in range(1, 61))
    data = await dry_run(front, f"col1,col2\n{rows}".encode())  # 1.2 s, above the front's patience

    assert [one["row"] for one in data["failures"]] == [40]
    assert seen == [str(number) for number in range(1, 61)]


async def test_without_an_app_the_answer_is_503(front: Front) -> None:
    response = await front.put(b"col1,col2\n1,2\n", validate_only="true")

    assert response.status_code == 503
    assert response.headers["retry-after"]
    assert response.json()["data"] == {
        "message": "the app that serves this action did not verify the rows",
        "cause": "app_unavailable",
    }


SOUND: Final = {"v": 1, "rows": 1, "failed_rows": 0, "failed_cells": 0}


async def test_a_lost_answer_is_asked_for_again(front: Front, stub: StubApp) -> None:
    stub.answer("refused", v=1, code="interrupted")
    stub.answer("verify_reply", app=stub.identity, **SOUND)
    data = await dry_run(front, b"col1,col2\n1,2\n")

    assert (data["verified"], data["failed_rows"]) == (True, 0)
    assert len(stub.asked) == 2


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        ("refused", {"v": 1, "code": "interrupted"}),
        ("dead", {"v": 1, "reason": "rejected"}),
        ("verify_reply", {"v": 1, "rows": 2, "failed_rows": 0, "failed_cells": 0}),
        ("verify_reply", {"v": 1, "failed_rows": 10**9}),
        ("verify_reply", {**SOUND, "failures": "x"}),
        ("no such type", {}),
        (None, {}),
    ],
)
async def test_an_app_that_gives_no_sound_answer_twice_is_not_asked_a_third_time(
    front: Front, stub: StubApp, kind: str | None, content: dict[str, Any]
) -> None:
    if kind is not None:
        stub.answer(kind, **{"app": stub.identity, **content})
    response = await front.put(b"col1,col2\n1,2\n", validate_only="true")

    assert response.status_code == 503
    assert response.json()["data"]["cause"] == "app_unavailable"
    assert len(stub.asked) == 2
    assert await front.stored() == NOTHING


async def test_when_a_process_dies_half_way_another_one_goes_on(
    front: Front, run_app: RunApp
) -> None:
    entered, go_on = threading.Event(), threading.Event()

    def hang(cell: str) -> bool:
        if cell != "hang" or entered.is_set():
            return cell.isdigit()
        entered.set()
        return go_on.wait(PATIENCE_S)

    bus = await run_app(picky_app(hang))
    rows = b"1,2\n" * 1500 + b"hang,2\n" + b"x,2\n" * 1000
    asking = asyncio.create_task(dry_run(front, b"col1,col2\n" + rows))
    assert await asyncio.to_thread(entered.wait, PATIENCE_S)
    await run_app(picky_app(hang))
    await bus.close()
    go_on.set()
    data = await asking

    assert (data["rows"], data["failed_rows"]) == (2501, 1001)
    assert [one["row"] for one in data["failures"]] == [*range(1501, 1601)]


async def test_a_row_that_fits_into_no_message_is_where_a_task_would_end(
    front: Front, run_app: RunApp
) -> None:
    await run_app()
    huge = b",".join([b"\x01" * 250_000] * 4)
    body = b"col1,col2,a,b\n" + b"x,2,3,4\n" * 10 + huge + b"\n" + b"x,2,3,4\n" * 5000
    data = await dry_run(front, body)

    assert (data["rows"], data["verified"], data["failed_rows"]) == (5011, True, 11)
    assert data["failures"][10]["rule"] == "too_large"
    assert data["failures"][10]["row"] == 11
    assert len(data["failures"]) == 11


async def test_a_client_that_leaves_in_the_middle_is_not_worked_for_any_longer(
    front: Front, stub: StubApp
) -> None:
    async def body() -> AsyncIterator[bytes]:
        yield b"col1,col2\n" + b"1,2\n" * 1500
        await stub.was_asked.wait()

    exchange = Exchange(front.app, "PUT", TASKS, QUERY, CSV)
    await exchange.run(body(), hang_up=True)

    assert exchange.status is None
    assert len(stub.asked) == 1


async def test_a_client_that_leaves_while_it_waits_is_not_worked_for_any_longer(
    server: HttpServer, stub: StubApp
) -> None:
    body = b"col1,col2\n" + b"1,2\n" * 10
    head = (
        f"PUT {TASKS}?{QUERY} HTTP/1.1\r\nHost: x\r\nX-Auth-Token: {TOKEN}\r\n"
        f"Content-Type: text/csv\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    _, writer = await asyncio.open_connection("127.0.0.1", server.port)
    with capture_logs() as logs:
        writer.write(head.encode() + body)
        async with asyncio.timeout(PATIENCE_S):
            await stub.was_asked.wait()
        writer.close()
        await within(
            VERIFY_TIMEOUT_S / 2, lambda: any(one["event"] == "client_gone" for one in logs)
        )
    assert len(stub.asked) == 1


@pytest.mark.parametrize("most", [1, 3])
async def test_no_more_is_read_than_is_being_verified(
    front: Front, stub: StubApp, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    monkeypatch.setattr(verification, "IN_FLIGHT", most)
    monkeypatch.setattr(exchange_module, "DRAIN_BYTES", 0)
    sent = 0

    async def body() -> AsyncIterator[bytes]:
        nonlocal sent
        yield b"col1,col2\n"
        while True:
            sent += 1
            yield b"1,2\n" * verification.MOST_ROWS

    exchange = Exchange(front.app, "PUT", TASKS, QUERY, CSV)
    running = asyncio.create_task(exchange.run(body()))
    async with asyncio.timeout(PATIENCE_S):
        await running
    assert exchange.status == 503
    assert sent <= most + 2
    assert max(one["first_row"] for one in stub.asked) == 1 + verification.MOST_ROWS * (most - 1)


@pytest.mark.timeout(120)
async def test_two_hundred_thousand_rows_are_verified_in_flat_memory(
    front: Front, run_app: RunApp
) -> None:
    await run_app()
    piece = b"".join(b"%d,text that is quoted,x\n" % number for number in range(2000))

    async def body(pieces: int) -> AsyncIterator[bytes]:
        yield b"col1,col2,col3\n"
        for _ in range(pieces):
            yield piece

    async def peak(pieces: int) -> int:
        exchange = Exchange(front.app, "PUT", TASKS, QUERY, CSV)
        gc.collect()
        tracemalloc.start()
        try:
            await exchange.run(body(pieces))
            _, most = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert exchange.status == 200, exchange.body
        assert json.loads(exchange.body)["data"]["rows"] == pieces * 2000
        return most

    few = await peak(5)
    assert await peak(100) < few + 4 * MIB
