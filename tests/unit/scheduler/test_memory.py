"""However many tasks wait, their rows stay within one budget."""

from __future__ import annotations

from kztasks.scheduler.memory import RowMemory


def test_who_begins_to_wait_keeps_its_rows_as_long_as_half_of_the_budget_is_enough() -> None:
    memory = RowMemory(100)
    tasks = [object() for _ in range(4)]
    assert [memory.rest(task, 20) for task in tasks] == [True, True, False, False]
    assert memory.resting == 40

    memory.run(tasks[0], 30)
    assert memory.rest(tasks[2], 20)
    memory.drop(tasks[1])
    assert (memory.running, memory.resting) == (30, 20)


def test_no_further_batch_is_read_while_those_that_are_out_use_more_than_the_other_half() -> None:
    told: list[bool] = []
    memory = RowMemory(100, lambda: told.append(memory.has_room))
    first, second = object(), object()
    memory.run(first, 40)
    assert memory.has_room
    memory.run(second, 40)
    assert not memory.has_room
    assert not told

    memory.rest(second, 40)
    assert told == [True]
    memory.run(second, 40)
    memory.drop(first)
    memory.drop(second)
    assert told == [True, True]
    assert (memory.running, memory.resting) == (0, 0)
