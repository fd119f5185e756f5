"""Token buckets and gates: how often, and how much at once."""

from __future__ import annotations

import pytest

from kztasks.api.limits import buckets
from kztasks.api.limits.buckets import Buckets, Tokens
from kztasks.api.limits.gates import Gate
from kztasks.api.limits.refusals import Overloaded, TooManyRequests


class Clock:
    """Seconds that the test moves."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_full_bucket_pays_for_its_burst_and_no_more() -> None:
    bucket = Buckets(3, 1, clock=Clock())

    assert [bucket.take("a", 1).remaining for _ in range(3)] == [2, 1, 0]
    with pytest.raises(TooManyRequests):
        bucket.take("a", 1)
    assert bucket.take("b", 3) == Tokens(3, 0)


def test_time_gives_tokens_back_up_to_the_burst() -> None:
    clock = Clock()
    bucket = Buckets(10, 2, clock=clock)
    bucket.take("a", 10)
    clock.now += 2.5

    assert bucket.peek("a") == Tokens(0, 5)
    clock.now += 1000
    assert bucket.peek("a") == Tokens(0, 10)


def test_a_refusal_takes_nothing_and_says_when_to_come_again() -> None:
    clock = Clock()
    bucket = Buckets(10, 2, clock=clock)
    bucket.take("a", 9)

    with pytest.raises(TooManyRequests) as caught:
        bucket.take("a", 8)

    assert caught.value.retry_after_s == 4
    assert bucket.peek("a").remaining == 1
    clock.now += 4
    assert bucket.take("a", 8) == Tokens(8, 1)


def test_the_number_of_buckets_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(buckets, "MAX_BUCKETS", 2)
    bucket = Buckets(5, 1, clock=Clock())
    for key in ("a", "b", "c"):
        bucket.take(key, 5)

    assert [bucket.peek(key).remaining for key in ("a", "b", "c")] == [5, 0, 0]


def test_a_gate_counts_each_account_by_itself() -> None:
    gate = Gate(per_account=2)
    with gate.passing("a"), gate.passing("a"):
        with pytest.raises(TooManyRequests), gate.passing("a"):
            pass
        with gate.passing("b"):
            assert gate.inside == 3
    assert gate.inside == 0
    with gate.passing("a"):
        assert gate.inside == 1


def test_a_gate_holds_so_much_of_all_accounts() -> None:
    gate = Gate(per_account=2, total=2)
    with gate.passing("a"), gate.passing("b"):
        with pytest.raises(Overloaded), gate.passing("c"):
            pass
        assert gate.inside == 2


def test_who_leaves_by_an_error_has_left() -> None:
    gate = Gate(per_account=1)
    with pytest.raises(ValueError, match="x"), gate.passing("a"):
        raise ValueError("x")
    assert gate.inside == 0
