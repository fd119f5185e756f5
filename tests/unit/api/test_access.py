"""Which account may act on which."""

from __future__ import annotations

import pytest

from kztasks.api.access import may_act_on
from kztasks.store.interface import Account

ROOT = Account(account_id="root", name="root")
PARENT = Account(account_id="parent", name="parent", tree=("root",))
CHILD = Account(account_id="child", name="child", tree=("root", "parent"))
SIBLING = Account(account_id="sibling", name="sibling", tree=("root",))
ADMIN = Account(account_id="admin", name="admin", superduper_admin=True)


@pytest.mark.parametrize(
    ("caller", "target", "allowed"),
    [
        (CHILD, CHILD, True),
        (PARENT, CHILD, True),
        (ROOT, CHILD, True),
        (CHILD, PARENT, False),
        (SIBLING, CHILD, False),
        (SIBLING, PARENT, False),
        (ADMIN, CHILD, True),
        (ROOT, ADMIN, False),
    ],
)
def test_an_account_acts_on_itself_and_below(
    *, caller: Account, target: Account, allowed: bool
) -> None:
    assert may_act_on(caller, target) is allowed
