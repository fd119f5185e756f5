"""Binding, mapping and folding inside one process, as Kazoo's bindings server has them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from tasks_bindings.invoke import EOQ, OK, crash_report, fold_responders, map_responders
from tasks_bindings.registry import Bound, Registry, Responder

KEY = "tasks.cat.act"


def one() -> str:
    return "one"


def two() -> str:
    return "two"


def bound(*functions: Callable[..., Any]) -> list[Responder]:
    registry = Registry()
    for function in functions:
        assert registry.bind(KEY, function) is Bound.OK
    return list(registry.responders(KEY))


def test_the_same_responder_is_bound_to_a_key_once() -> None:
    registry = Registry()
    assert registry.bind(KEY, one) is Bound.OK
    assert registry.bind(KEY, one) is Bound.EXISTS
    assert registry.bind(KEY, one, "payload") is Bound.OK
    assert registry.bind("tasks.cat.other", one) is Bound.OK
    assert len(list(registry.responders(KEY))) == 2


def test_binding_to_several_keys_answers_for_each() -> None:
    registry = Registry()
    registry.bind("b", one)
    assert registry.bind_all(["a", "b"], one) == [Bound.OK, Bound.EXISTS]


def test_unbinding_says_what_is_left() -> None:
    registry = Registry()
    registry.bind(KEY, one)
    registry.bind(KEY, two, 1)
    assert registry.unbind(KEY, two) is Bound.NOT_FOUND
    assert registry.unbind(KEY, two, 1) is Bound.UPDATED_BINDING
    assert registry.unbind(KEY, one) is Bound.DELETED_BINDING
    assert registry.unbind(KEY, one) is Bound.NOT_FOUND
    assert registry.keys == ()


def test_flushing_removes_a_key_or_everything() -> None:
    registry = Registry()
    registry.bind_all(["a", "b", "c"], one)
    registry.flush("b")
    registry.flush("unknown")
    assert list(registry.keys) == ["a", "c"]
    registry.flush()
    assert list(registry.keys) == []


def test_a_filter_keeps_responders_and_drops_emptied_keys() -> None:
    registry = Registry()
    registry.bind_all(["a", "b"], one)
    registry.bind("a", two)
    registry.filter(lambda key, responder: responder.function is two)
    assert registry.keys == ("a",)
    assert [responder.function for responder in registry.responders("a")] == [two]


def test_responders_of_every_key_that_matches_are_reached_in_bind_order() -> None:
    registry = Registry()
    registry.bind("tasks.#", one)
    registry.bind(KEY, two)
    registry.bind("tasks.*", one)
    registry.bind("tasks.#", two)
    assert [responder.function for responder in registry.responders(KEY)] == [one, two, two]
    assert registry.reaches("tasks.a.b.c")
    assert not registry.reaches("other.a")


def test_a_responder_may_unbind_itself_while_it_is_called() -> None:
    registry = Registry()
    registry.bind(KEY, one)
    registry.bind(KEY, two)
    for responder in registry.responders(KEY):
        registry.unbind(KEY, responder.function)
    assert registry.keys == ()


async def test_mapping_calls_the_last_bound_first_and_answers_in_bind_order() -> None:
    called: list[str] = []

    def responder(name: str) -> Callable[..., str]:
        def respond(argument: str) -> str:
            called.append(name)
            return f"{name} {argument}"

        return respond

    results = await map_responders(bound(responder("a"), responder("b"), responder("c")), ("x",))
    assert [result.value for result in results] == ["a x", "b x", "c x"]
    assert called == ["c", "b", "a"]


async def test_mapping_over_nobody_gives_nothing() -> None:
    assert await map_responders([], ("x",)) == []


async def test_a_payload_stands_before_the_arguments() -> None:
    registry = Registry()
    registry.bind(KEY, lambda *args: list(args), "p", "q")
    [result] = await map_responders(registry.responders(KEY), ("x",))
    assert result.value == ["p", "q", "x"]


async def test_a_crash_is_a_result_and_the_others_still_run() -> None:
    def crash() -> str:
        raise LookupError("no such thing")

    def leave() -> str:
        raise SystemExit(1)

    async def be_cancelled() -> str:
        raise asyncio.CancelledError

    results = await map_responders(bound(one, crash, leave, be_cancelled, two), ())
    assert [result.value for result in results] == ["one", None, None, None, "two"]
    crashes = [result.crash.type for result in results if result.crash is not None]
    assert crashes == ["LookupError", "SystemExit", "CancelledError"]


class Unspeakable(Exception):
    def __str__(self) -> str:
        raise RuntimeError


@pytest.mark.parametrize(
    ("error", "text"),
    [(ValueError("a\ud800b"), "a?b"), (Unspeakable(), "cannot be told"), (ValueError(), "")],
)
async def test_any_crash_can_be_told(error: Exception, text: str) -> None:
    report = crash_report(error)
    assert text in report.message
    assert type(error).__name__ in report.model_dump_json()


async def test_a_call_that_is_cancelled_from_outside_is_cancelled() -> None:
    started = asyncio.Event()

    async def wait() -> None:
        started.set()
        await asyncio.Event().wait()

    mapping = asyncio.create_task(map_responders(bound(wait), ()))
    await started.wait()
    mapping.cancel()
    with pytest.raises(asyncio.CancelledError):
        await mapping


async def test_responders_may_be_coroutines() -> None:
    async def answer(argument: str) -> str:
        await asyncio.sleep(0)
        return argument

    [result] = await map_responders(bound(answer), ("x",))
    assert result.value == "x"


async def test_folding_hands_the_accumulator_through_the_first_bound_first() -> None:
    def add(name: str) -> Callable[..., str]:
        return lambda so_far, rest: so_far + name + rest

    assert await fold_responders(bound(add("a"), add("b"), add("c")), ("", "-")) == "a-b-c-"


async def test_folding_over_nobody_gives_the_accumulator() -> None:
    assert await fold_responders([], ("x",)) == "x"


async def test_ok_and_a_crash_keep_the_accumulator() -> None:
    def crash(_so_far: str) -> str:
        raise LookupError

    responders = bound(lambda so_far: so_far + "a", lambda _: OK, crash, lambda it: it + "b")
    assert await fold_responders(responders, ("",)) == "ab"


async def test_a_responder_that_says_eoq_is_called_again_after_the_others() -> None:
    def last(so_far: str) -> str:
        return so_far + "z" if "b" in so_far else EOQ

    responders = bound(last, lambda so_far: so_far + "a", lambda so_far: so_far + "b")
    assert await fold_responders(responders, ("",)) == "abz"


async def test_responders_that_all_wait_for_each_other_end_the_fold() -> None:
    calls = 0

    def wait(_so_far: str) -> str:
        nonlocal calls
        calls += 1
        return EOQ

    async with asyncio.timeout(10):
        assert await fold_responders(bound(wait, lambda _: EOQ), ("x",)) == "x"
    assert calls == 1


async def test_a_fold_skips_responders_with_a_payload() -> None:
    registry = Registry()
    registry.bind(KEY, lambda *_: "wrong", "payload")
    registry.bind(KEY, lambda so_far: so_far + "a")
    assert await fold_responders(registry.responders(KEY), ("",)) == "a"
