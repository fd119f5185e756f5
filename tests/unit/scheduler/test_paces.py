"""What a scheduler remembers of how long rows take."""

from __future__ import annotations

import pytest

from kztasks.scheduler import paces
from kztasks.scheduler.paces import Paces


def test_the_last_pace_of_each_action_is_known() -> None:
    known = Paces()
    known.note("t", "add", 0.5)
    known.note("t", "other", 0.25)
    known.note("t", "add", 0.125)
    assert known.known("t", "add") == 0.125
    assert known.known("t", "other") == 0.25
    assert known.known("u", "add") is None


def test_the_actions_that_ran_last_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paces, "MOST_ACTIONS", 2)
    known = Paces()
    for action in ("a", "b", "a", "c"):
        known.note("t", action, 1.0)
    assert [known.known("t", action) for action in "abc"] == [1.0, None, 1.0]
