"""An app's trigger functions (seed, "Headless Tasks"): in series, and each ended in its time."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tasks_bindings import App, TasksBindings, Trigger, in_background
from tasks_bindings.directory import Directory
from tasks_bindings.errors import ReplyTimeout
from tasks_bindings.sdk.firing import TriggerCalls
from tasks_bindings.sdk.refusal import RequestRefused
from tasks_bindings.wire.messages import BACKGROUND, Call, CallResult
from tests.contract.bus.kit import eventually

DAY = Trigger.DAY.value


def calls_of(**functions: Callable[..., Any]) -> TriggerCalls:
    return TriggerCalls({DAY: functions})


async def fire(
    calls: TriggerCalls, handler: str | None = None, *args: Any, timeout_ms: int = 5_000
) -> list[CallResult]:
    call = Call(key=DAY, args=args, handler=handler, timeout_ms=timeout_ms)
    return await calls.fire(call, redelivered=False)


def test_functions_are_named_in_the_order_in_which_they_were_bound() -> None:
    app = App("rollovers")

    @app.trigger(Trigger.DAY)
    def second() -> None:
        """Bound first."""

    def make() -> Callable[[], None]:
        def twin() -> None:
            """Same name, another function."""

        return twin

    for _ in range(2):
        app.trigger(Trigger.DAY, Trigger.HOUR)(make())
    names = {key: list(named) for key, named in app.trigger_handlers().items()}
    assert list(names) == ["tasks.triggers.day", "tasks.triggers.hour"]
    first, twin, other = names["tasks.triggers.day"]
    assert first.endswith("second")
    assert other == f"{twin}#2"


async def test_all_are_called_in_bind_order_and_a_crash_ends_none_of_the_others() -> None:
    order: list[str] = []

    def one() -> str:
        order.append("one")
        return "ignored"

    async def two() -> None:
        order.append("two")
        raise ValueError("no")

    results = await fire(calls_of(one=one, two=two, three=lambda: order.append("three")))
    assert order == ["one", "two", "three"]
    assert [result.value for result in results] == [None, None, None]
    assert [result.crash is not None for result in results] == [False, True, False]


async def test_one_of_them_is_called_with_the_databases_name() -> None:
    seen: list[str] = []
    await fire(calls_of(one=seen.append, two=lambda _: pytest.fail("called")), "one", "accounts")
    assert seen == ["accounts"]


async def test_a_coroutine_that_takes_too_long_is_ended() -> None:
    ended: list[bool] = []

    async def slow() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(True)

    calls = calls_of(slow=slow)
    with pytest.raises(RequestRefused) as refused:
        await fire(calls, "slow", timeout_ms=50)
    assert refused.value.refusal.code == "timeout"
    assert ended == [True]
    with pytest.raises(RequestRefused) as again:
        await fire(calls, "slow", timeout_ms=50)
    assert again.value.refusal.code == "timeout"  # not busy


async def test_a_thread_that_takes_too_long_is_not_begun_a_second_time() -> None:
    goes_on, runs = threading.Event(), []

    def hangs() -> None:
        runs.append(1)
        goes_on.wait(10)

    calls = calls_of(hangs=hangs)
    with pytest.raises(RequestRefused) as refused:
        await fire(calls, "hangs", timeout_ms=50)
    assert refused.value.refusal.code == "timeout"
    with pytest.raises(RequestRefused) as busy:
        await fire(calls, "hangs", timeout_ms=50)
    assert busy.value.refusal.code == "busy"
    assert len(runs) == 1
    goes_on.set()
    await eventually(lambda: not calls._running)
    await fire(calls, "hangs")
    assert len(runs) == 2


async def test_what_was_begun_by_a_process_that_died_is_not_begun_again() -> None:
    calls = calls_of(one=lambda: pytest.fail("called"))
    with pytest.raises(RequestRefused) as refused:
        await calls.fire(Call(key=DAY, handler="one"), redelivered=True)
    assert refused.value.refusal.code == "interrupted"


async def test_a_function_that_the_app_does_not_have_is_refused() -> None:
    with pytest.raises(RequestRefused) as refused:
        await fire(calls_of(one=print), "other")
    assert refused.value.refusal.code == "unknown_handler"


async def test_work_in_the_background_holds_nobody_up_and_is_waited_for_at_the_end() -> None:
    goes_on, done = asyncio.Event(), []

    async def work() -> None:
        await goes_on.wait()
        done.append("work")

    calls = calls_of(one=lambda: in_background(work()), two=lambda: done.append("two"))
    first, second = await fire(calls)
    assert (first.value, second.value) == (BACKGROUND, None)
    assert done == ["two"]
    goes_on.set()
    assert await calls.close(10)
    assert done == ["two", "work"]


async def test_background_work_may_be_a_function_and_is_cancelled_when_it_does_not_end() -> None:
    done: list[str] = []
    calls = calls_of(
        thread=lambda: in_background(lambda: done.append("thread")),
        crash=lambda: in_background(lambda: 1 / 0),
        endless=lambda: in_background(asyncio.Event().wait()),
    )
    await fire(calls)
    assert not await calls.close(0.2)
    assert done == ["thread"]
    assert not calls._background


class SilentBus:
    """A bus on which nobody answers; it notes how long is waited."""

    def __init__(self) -> None:
        self.waited_s: list[float] = []

    @asynccontextmanager
    async def call(self, *_: Any, **__: Any) -> AsyncIterator[SilentBus]:
        yield self

    async def receive(self, timeout: float) -> Any:
        self.waited_s.append(timeout)
        raise ReplyTimeout("nobody")


async def test_a_function_has_its_time_also_when_it_was_begun_as_late_as_may_be() -> None:
    bus = SilentBus()
    bindings = TasksBindings(bus, Directory(), timeout_s=30)  # type: ignore[arg-type]  # all it needs
    with pytest.raises(ReplyTimeout):
        await bindings.call_handler("app", DAY, "function", timeout_s=600)
    assert bus.waited_s[0] > 30 + 600
