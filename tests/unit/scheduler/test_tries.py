"""Which process a batch is sent to again."""

from __future__ import annotations

import pytest

from kztasks.scheduler.answers import BatchLost
from kztasks.scheduler.exchange import Tries
from tasks_bindings.errors import BindingsError, BusUnavailable, PublishTimeout, Unroutable


def had_by(instance: str) -> Tries:
    tries = Tries(rows=10)
    tries.instance = instance
    return tries


@pytest.mark.parametrize("error", [BusUnavailable("gone"), PublishTimeout("not confirmed")])
def test_a_silence_that_the_broker_was_the_reason_for_is_no_loss(error: BindingsError) -> None:
    """In an alarm the answer waits in its app; that shows when the next attempt is not taken."""
    tries = had_by("one")
    tries.failed(BatchLost("no sign of life"))
    assert tries.instance is None
    tries.failed(error)
    assert tries.instance == "one"


def test_a_silent_process_is_left_alone_while_the_broker_works() -> None:
    tries = had_by("one")
    tries.failed(BatchLost("no sign of life"))
    tries.failed(Unroutable("nobody"))
    tries.failed(BatchLost("no sign of life"))
    tries.failed(BusUnavailable("gone"))
    assert tries.instance is None
