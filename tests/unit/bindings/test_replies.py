"""Answers are remembered for those who ask again, within limits."""

from __future__ import annotations

from typing import Any

from tasks_bindings.sdk.replies import Answer, Key, Replies, key_of
from tests.unit.bindings.support import TASK, batch, numbered


def key(seq: int) -> Key:
    return TASK, seq, 1, ""


def answer(size: int, text: bytes = b"x", rows: int = 1) -> Answer:
    return Answer(text * (size - 2), "ab", 1.0, rows)


def test_an_answer_belongs_to_task_place_first_row_and_data_of_the_batch() -> None:
    one = key_of(batch(numbered(1), seq=3))
    assert key_of(batch(numbered(9), seq=3, hash="other", attempt=7, epoch=9)) == one
    others: list[dict[str, Any]] = [
        {"seq": 4},
        {"seq": 3, "first_row": 2},
        {"seq": 3, "data": "1"},
    ]
    assert one not in [key_of(batch(numbered(1), **changes)) for changes in others]


def test_an_answer_fits_those_who_ask_for_no_fewer_rows_than_were_run() -> None:
    three = answer(10, rows=3)
    asked = [batch(numbered(2)), batch(numbered(3)), batch(numbered(4)), batch(calls=3, width=1)]
    assert [three.fits(one) for one in asked] == [False, True, True, True]
    assert not answer(10, rows=0).fits(batch(numbered(1)))


def test_the_oldest_answers_are_forgotten_first() -> None:
    replies = Replies(max_answers=2)
    for seq in (1, 2, 3):
        replies.keep(key(seq), answer(10))
    assert replies.find(key(1)) is None
    assert replies.find(key(2)) == answer(10)


def test_an_answer_that_was_asked_for_again_is_young() -> None:
    replies = Replies(max_answers=2)
    replies.keep(key(1), answer(10))
    replies.keep(key(2), answer(10))
    replies.find(key(1))
    replies.keep(key(3), answer(10))
    assert replies.find(key(1)) is not None
    assert replies.find(key(2)) is None


def test_together_they_take_no_more_bytes_than_allowed() -> None:
    replies = Replies(max_bytes=100)
    for seq in (1, 2, 3):
        replies.keep(key(seq), answer(40))
    assert [replies.find(key(seq)) is not None for seq in (1, 2, 3)] == [False, True, True]


def test_an_answer_over_the_limit_is_not_kept_and_drives_out_no_other() -> None:
    replies = Replies(max_bytes=100)
    replies.keep(key(1), answer(90))
    replies.keep(key(2), answer(101))
    assert replies.find(key(1)) is not None
    assert replies.find(key(2)) is None


def test_keeping_an_answer_again_counts_it_once() -> None:
    replies = Replies(max_bytes=100)
    replies.keep(key(1), answer(40))
    for _ in range(5):
        replies.keep(key(2), answer(50, b"y"))
    assert replies.find(key(1)) is not None
