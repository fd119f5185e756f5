"""When a broker that says nothing is taken for gone."""

from __future__ import annotations

from tasks_bindings.bus.amqp.tcp import Silence


def looks_until_over(silence: Silence, heard: int) -> int:
    looks = 1
    while not silence.is_over_long(heard):
        looks += 1
    return looks


def test_two_heartbeats_of_silence_are_over_long() -> None:
    silence = Silence(20)
    assert not silence.is_over_long(heard=1)
    assert looks_until_over(silence, heard=1) * silence.look_s == 40


def test_whatever_comes_begins_a_new_silence() -> None:
    silence = Silence(20)
    for heard in range(100):
        assert not silence.is_over_long(heard // 7)
    assert looks_until_over(silence, heard=1000) > 8
