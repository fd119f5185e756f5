"""Each database belongs to one trigger, by its name."""

from __future__ import annotations

import pytest

from kztasks.domain.databases import Patterns
from tasks_bindings.wire.keys import Trigger

ACCOUNT = "4e1d0f3ab2c5968877665544332211aa"
ENCODED = f"account%2F{ACCOUNT[:2]}%2F{ACCOUNT[2:4]}%2F{ACCOUNT[4:]}"


@pytest.mark.parametrize(
    ("name", "trigger"),
    [
        (ACCOUNT, Trigger.ACCOUNT),
        (ENCODED, Trigger.ACCOUNT),
        (ENCODED.replace("%2F", "%2f"), Trigger.ACCOUNT),
        (ENCODED.replace("%2F", "-"), Trigger.ACCOUNT),
        (f"account_{ACCOUNT}", Trigger.ACCOUNT),
        (f"{ACCOUNT}-202611", Trigger.ACCOUNT_MOD),
        (f"{ENCODED}-202611", Trigger.ACCOUNT_MOD),
        (f"{ACCOUNT}-2026", Trigger.OTHER),
        (ACCOUNT[:-1], Trigger.OTHER),
        (ACCOUNT.upper(), Trigger.OTHER),
        ("accounts", Trigger.SYSTEM),
        ("token_auth", Trigger.SYSTEM),
        ("numbers%2F%2B1415", Trigger.OTHER),
        ("numbers-415", Trigger.OTHER),
        ("accounts2", Trigger.OTHER),
        ("admin", None),
        ("local", None),
        ("config", None),
    ],
)
def test_the_originals_names_are_classified_as_there(name: str, trigger: Trigger | None) -> None:
    assert Patterns().trigger_of(name) is trigger


def test_patterns_can_be_others_and_the_first_that_fits_counts() -> None:
    patterns = Patterns(account="acct_.*", account_mod=".*", system="sys")
    assert patterns.trigger_of("acct_1") is Trigger.ACCOUNT
    assert patterns.trigger_of("sys") is Trigger.ACCOUNT_MOD
