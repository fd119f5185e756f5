"""JSON bodies wait for memory: an estimate that is never too small, and a line that is fair."""

from __future__ import annotations

import asyncio
import tracemalloc
from contextlib import ExitStack

import pytest

from kztasks.api.jsonbody import decoded_size, envelope_of
from kztasks.api.limits.gates import Gate, Line
from kztasks.api.limits.json_memory import MOST_GROWTH, JsonMemory
from kztasks.api.limits.refusals import Overloaded, TooManyRequests

SHAPES = [
    '{"a":1}', "[]", "{}", "[[]]", '{"":0}', '"a"', '"ab"', '"ä"', '"\U0001f600"', "1.5", "12345",
    '{"a":null}', '{"a":"bc"}', "[" * 28 + "]" * 28, '{"":' * 28 + "0" + "}" * 28, '["a","b"]',
    '{"col1":"+14155550123","col2":"a name","col3":"x,y:z"}', r'"\""', r'"\ud83d\ude00"',
]  # fmt: skip


@pytest.mark.parametrize("shape", SHAPES)
def test_no_body_takes_more_memory_than_was_reserved_for_it(shape: str) -> None:
    count = 100_000 // (len(shape.encode()) + 1)
    body = b'{"data":{"records":[' + b",".join([shape.encode()] * count) + b"]}}"
    tracemalloc.start()
    try:
        decoded = envelope_of(body)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert decoded
    assert peak + len(body) <= min(decoded_size(body), MOST_GROWTH * len(body))


def test_a_gate_counts_weights() -> None:
    gate = Gate(per_account=10, total=15)
    with gate.passing("a", 10):
        with pytest.raises(TooManyRequests), gate.passing("a", 1):
            pass
        with gate.passing("b", 5), pytest.raises(Overloaded), gate.passing("c", 1):
            pass
        with gate.passing("a", 0):
            assert gate.inside == 10
    assert gate.inside == 0


async def test_who_comes_later_waits_until_there_is_room_and_nobody_jumps_the_line() -> None:
    line, order = Line(10), list[str]()

    async def enter(name: str, weight: int) -> ExitStack:
        leases = ExitStack()
        await line.enter(weight, leases)
        order.append(name)
        return leases

    first = await enter("first", 8)
    large = asyncio.create_task(enter("large", 10))
    await asyncio.sleep(0)
    small = asyncio.create_task(enter("small", 1))
    await asyncio.sleep(0.01)
    assert order == ["first"], "the small one would fit, but it came later"
    first.close()
    (await large).close()
    (await small).close()

    assert order == ["first", "large", "small"]


async def test_who_waits_too_long_is_told_so_and_holds_up_nobody() -> None:
    line = Line(10, patience_s=0.01)
    with ExitStack() as first, ExitStack() as second:
        await line.enter(10, first)
        with pytest.raises(Overloaded):
            await line.enter(1, second)
    with ExitStack() as third:
        await line.enter(10, third)


async def test_who_gives_up_leaves_the_line() -> None:
    line = Line(10)
    with ExitStack() as first:
        await line.enter(10, first)
        waiting = asyncio.create_task(line.enter(5, first))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
    with ExitStack() as next_one:
        await line.enter(10, next_one)


async def test_the_largest_body_of_the_worst_shape_gets_in() -> None:
    body = b"[" * 500_000
    memory = JsonMemory(largest=len(body), total=len(body))
    with memory.reading("a", len(body)), ExitStack() as leases:
        await memory.decoding(body, leases)
