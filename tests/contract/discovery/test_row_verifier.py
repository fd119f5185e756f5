"""Rows are verified by a live app that can, found when it is needed; its answer is not trusted."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tasks_bindings import App, Category, Context, Row, ok
from tasks_bindings.errors import DecodeError, MessageTooLarge, NoHandler, ReplyTimeout
from tasks_bindings.verify import ASK_TIMEOUT_S, PREFER_S, RowVerifier
from tasks_bindings.wire.codec import MAX_MESSAGE_BYTES
from tasks_bindings.wire.verification import Verify
from tests.contract.bus.conftest import Transport
from tests.contract.discovery.kit import PATIENCE_S, Site
from tests.contract.discovery.stub import METADATA, StubApp

VERIFIES = {"verifies": True}


@pytest.fixture
async def site(transport: Transport) -> AsyncIterator[Site]:
    site = Site(transport)
    yield site
    await site.close()


@pytest.fixture
async def verifier(transport: Transport) -> RowVerifier:
    return RowVerifier(await transport.bus("front"))


def request(*cells: str | None) -> Verify:
    return Verify(
        category="cat",
        action="act",
        columns=("a",),
        rows=[[cell] for cell in cells],
        first_row=1,
    )


def picky_app(name: str = "picky", verify: Any = str.isdigit) -> App:
    category = Category("cat")
    category.verifier("a")(verify)

    @category.csv_action("act", description="A sample", mandatory=["a"])
    def act(_context: Context, _data: object, _row: Row) -> object:
        return ok()

    return App(name, category)


async def stub(
    transport: Transport, name: str = "stub", says: dict[str, Any] | None = None, **other: Any
) -> StubApp:
    app = StubApp(await transport.bus(name), name, says, **other)
    await app.start()
    return app


async def test_an_app_is_found_and_says_which_rows_fail(site: Site, verifier: RowVerifier) -> None:
    await site.run(picky_app())
    app = await verifier.app_for("cat", "act", METADATA)
    assert app == "picky"
    reply = await verifier.verify(app, request("1", "x", None, "2"))
    assert (reply.rows, reply.failed_rows, reply.failed_cells) == (4, 2, 2)
    assert [(one.row, one.value, one.rule) for one in reply.failures] == [
        (2, "x", "verifier"),
        (3, None, "mandatory"),
    ]


async def test_where_nobody_is_that_is_known_at_once(verifier: RowVerifier) -> None:
    async with asyncio.timeout(ASK_TIMEOUT_S / 2):
        with pytest.raises(NoHandler):
            await verifier.app_for("cat", "act", METADATA)


@pytest.mark.parametrize("action", ["other", "act"])
async def test_an_app_that_serves_something_else_is_not_asked(
    transport: Transport, verifier: RowVerifier, action: str
) -> None:
    """Nor is one whose claim to the action is refused, as its metadata are others."""
    later = METADATA.model_copy(update={"description": "Another"})
    await stub(transport, says=VERIFIES, metadata=later, action=("cat", action))
    with pytest.raises(NoHandler):
        await verifier.app_for("cat", "act", METADATA)


@pytest.mark.parametrize("says", [{}, {"verifies": False}])
async def test_an_app_that_does_not_say_that_it_verifies_is_none_that_can(
    transport: Transport, verifier: RowVerifier, says: dict[str, Any]
) -> None:
    await stub(transport, says=says)
    assert await verifier.app_for("cat", "act", METADATA) is None


async def test_of_two_apps_the_one_that_can_verify_is_taken_also_if_it_answers_later(
    transport: Transport, verifier: RowVerifier
) -> None:
    await stub(transport)
    later = await stub(transport, "later", VERIFIES)
    later.slowness_s = PREFER_S / 4
    assert await verifier.app_for("cat", "act", METADATA) == "later"


async def test_what_cannot_be_read_is_no_answer_to_the_question_who_is_there(
    site: Site, transport: Transport, verifier: RowVerifier
) -> None:
    await stub(transport, says={"v": 2, **VERIFIES})
    await stub(transport, "other", says={"help": 7, **VERIFIES})
    await site.run(picky_app())
    assert await verifier.app_for("cat", "act", METADATA) == "picky"


@pytest.mark.parametrize(
    ("kind", "content", "error"),
    [
        ("refused", {"v": 1, "code": "unknown_action"}, NoHandler),
        ("dead", {"v": 1, "reason": "rejected"}, NoHandler),
        ("batch_reply", {"v": 1}, DecodeError),
        ("verify_reply", {"v": 1}, DecodeError),
        ("verify_reply", {"rows": 3, "failed_rows": 0, "failed_cells": 0}, DecodeError),
        ("verify_reply", {"rows": 0, "failed_rows": 0, "failed_cells": 0}, DecodeError),
        ("verify_reply", {"rows": 1, "failed_rows": 1, "failed_cells": 1}, DecodeError),
        ("verify_reply", {"x": "x" * MAX_MESSAGE_BYTES}, DecodeError),
    ],
)
async def test_an_answer_that_is_none_is_an_error(
    transport: Transport, verifier: RowVerifier, kind: str, content: dict[str, Any], error: type
) -> None:
    app = await stub(transport)
    app.answer(kind, **{"v": 1, "app": app.identity, **content})
    with pytest.raises(error):
        await verifier.verify("stub", request("1", "2"))


async def test_an_app_that_is_silent_is_not_waited_for_for_ever(transport: Transport) -> None:
    verifier = RowVerifier(await transport.bus("front"), timeout_s=0.3)
    app = await stub(transport)
    with pytest.raises(ReplyTimeout):
        await verifier.verify("stub", request("1"))
    assert len(app.asked) == 1


async def test_rows_that_fit_into_no_message_are_not_sent(
    transport: Transport, verifier: RowVerifier
) -> None:
    app = await stub(transport)
    with pytest.raises(MessageTooLarge):
        await verifier.verify("stub", request("x" * MAX_MESSAGE_BYTES))
    assert app.asked == []


async def test_when_a_process_ends_over_the_rows_the_next_one_tells(
    site: Site, transport: Transport, verifier: RowVerifier
) -> None:
    entered, go_on = threading.Event(), threading.Event()
    calls = []

    def hang(cell: str) -> bool:
        calls.append(cell)
        entered.set()
        return go_on.wait(PATIENCE_S)

    dying = await site.run(picky_app(verify=hang))
    asking = asyncio.create_task(verifier.verify("picky", request("1")))
    assert await asyncio.to_thread(entered.wait, PATIENCE_S)
    await site.run(picky_app(verify=hang))
    transport.cut(dying._bus)
    try:
        with pytest.raises(NoHandler, match="interrupted"):
            await asking
    finally:
        go_on.set()
    assert calls == ["1"]
