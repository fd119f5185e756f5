"""Turns are shared out fairly among accounts, and none of them is ever lost."""

from __future__ import annotations

import time
from collections import Counter, deque

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from kztasks.scheduler.turns import FairTurns

ACCOUNTS = "abcd"


def grants(turns: FairTurns[str]) -> list[str]:
    """Everybody who gets a turn now."""
    given = []
    while (ticket := turns.grant()) is not None:
        given.append(ticket)
    return given


def test_a_free_turn_is_taken_at_once_while_nobody_waits() -> None:
    turns: FairTurns[str] = FairTurns(2)
    assert turns.take("a")
    turns.enter("b", "b1")
    assert not turns.take("a")
    assert grants(turns) == ["b1"]
    assert not turns.take("a")


def test_who_has_fewest_out_is_first_then_who_was_served_longest_ago() -> None:
    turns: FairTurns[str] = FairTurns(1)
    for ticket in ("a1", "a2", "b1", "b2", "c1"):
        turns.enter(ticket[0], ticket)
    order = []
    for _ in range(5):
        (ticket,) = grants(turns)
        order.append(ticket)
        turns.give_back(ticket[0])
    assert order == ["a1", "b1", "c1", "a2", "b2"]

    turns.limit = 3
    assert turns.take("a")
    assert turns.take("a")
    assert turns.take("b")
    for ticket in ("a3", "b3", "c3"):
        turns.enter(ticket[0], ticket)
    turns.limit = 6
    assert grants(turns) == ["c3", "b3", "a3"]


def test_an_urgent_one_goes_before_the_others_of_its_account_alone() -> None:
    turns: FairTurns[str] = FairTurns(1)
    for ticket in ("a1", "a2", "b1"):
        turns.enter(ticket[0], ticket)
    turns.enter("b", "b!", urgent=True)
    order = []
    for _ in range(4):
        (ticket,) = grants(turns)
        order.append(ticket)
        turns.give_back(ticket[0])
    assert order == ["a1", "b!", "a2", "b1"]


def test_a_lower_limit_holds_from_the_next_turn_on() -> None:
    turns: FairTurns[str] = FairTurns(3)
    assert all(turns.take("a") for _ in range(3))
    turns.limit = 1
    turns.enter("b", "b1")
    for _ in range(2):
        turns.give_back("a")
        assert grants(turns) == []
    turns.give_back("a")
    assert grants(turns) == ["b1"]


def test_ten_thousand_who_wait_cost_no_more_each_than_ten() -> None:
    def seconds_for(waiting: int, served: int = 2000) -> float:
        turns: FairTurns[int] = FairTurns(8)
        for ticket in range(waiting):
            turns.enter(f"{ticket % 50}", ticket)
        began = time.process_time()
        for number in range(served):
            served_one = turns.grant()
            assert served_one is not None
            account = served_one % 50
            turns.enter(f"{account}", waiting + number * 50 + account)
            turns.give_back(f"{account}")
        return time.process_time() - began

    few = min(seconds_for(100) for _ in range(3))
    many = min(seconds_for(10_000) for _ in range(3))
    assert many < 5 * few


@settings(max_examples=100)
@given(st.lists(st.sampled_from("abc"), max_size=30), st.integers(1, 4), st.integers(0, 10))
def test_a_new_account_waits_for_one_grant_of_each_other_account_at_most(
    others: list[str], limit: int, warm_up: int
) -> None:
    """Whatever had happened before; the turns come back in the order in which they were given."""
    turns: FairTurns[str] = FairTurns(limit)
    out: deque[str] = deque()
    for index, account in enumerate(others):
        turns.enter(account, f"{account}{index}")

    def step() -> list[str]:
        given = grants(turns)
        out.extend(ticket[0] for ticket in given)
        if out:
            turns.give_back(out.popleft())
        return given

    for _ in range(warm_up):
        step()
    turns.enter("z", "z")
    before: Counter[str] = Counter()
    for _ in range(len(others) + 2):
        given = step()
        if "z" in given:
            before.update(ticket[0] for ticket in given[: given.index("z")])
            break
        before.update(ticket[0] for ticket in given)
    else:
        raise AssertionError("it was never served")
    assert all(count <= 1 for count in before.values())


class Line(RuleBasedStateMachine):
    """Anybody comes, goes, is served and gives back, in any order; a plain model keeps count."""

    def __init__(self) -> None:
        super().__init__()
        self.turns: FairTurns[str] = FairTurns(2)
        self.waiting: dict[str, str] = {}
        self.holding: list[str] = []
        self.passed_over: Counter[str] = Counter()
        self.count = 0

    @rule(account=st.sampled_from(ACCOUNTS), urgent=st.booleans())
    def come(self, account: str, urgent: bool) -> None:  # noqa: FBT001  (Hypothesis gives it)
        if self.turns.take(account):
            assert not self.waiting
            self.holding.append(account)
            return
        self.count += 1
        ticket = f"{account}{self.count}"
        self.waiting[ticket] = account
        self.turns.enter(account, ticket, urgent=urgent)

    @precondition(lambda self: self.waiting)
    @rule(data=st.data())
    def go(self, data: st.DataObject) -> None:
        ticket = data.draw(st.sampled_from(sorted(self.waiting)))
        account = self.waiting.pop(ticket)
        assert self.turns.leave(account, ticket)
        assert not self.turns.leave(account, ticket)
        if account not in self.waiting.values():
            self.passed_over[account] = 0

    @precondition(lambda self: self.holding)
    @rule(data=st.data())
    def give_back(self, data: st.DataObject) -> None:
        account = data.draw(st.sampled_from(sorted(self.holding)))
        self.holding.remove(account)
        self.turns.give_back(account)

    @rule(limit=st.integers(0, 5))
    def set_limit(self, limit: int) -> None:
        self.turns.limit = limit

    @rule()
    def grant_all(self) -> None:
        while True:
            out = Counter(self.holding)
            least = min((out[account] for account in self.waiting.values()), default=0)
            ticket = self.turns.grant()
            if ticket is None:
                break
            account = self.waiting.pop(ticket)
            assert out[account] == least
            assert len(self.holding) < self.turns.limit
            self.holding.append(account)
            self._note_passed_over(account, out)
        assert not self.waiting or len(self.holding) >= self.turns.limit

    def _note_passed_over(self, served: str, out: Counter[str]) -> None:
        """An account with nothing out is passed over once at most for each other one."""
        self.passed_over[served] = 0
        for account in {*self.waiting.values()} - {served}:
            if out[account] == 0:
                self.passed_over[account] += 1
                assert self.passed_over[account] < len(ACCOUNTS)
        for account in set(ACCOUNTS) - {*self.waiting.values()}:
            self.passed_over[account] = 0

    @invariant()
    def counts_are_right(self) -> None:
        assert self.turns.out == len(self.holding)
        assert self.turns.waiting == len(self.waiting)
        assert sorted(ticket for _, ticket in self.turns.tickets()) == sorted(self.waiting)


TestLine = Line.TestCase
TestLine.settings = settings(max_examples=150, stateful_step_count=40)
