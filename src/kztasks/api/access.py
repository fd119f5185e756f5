"""Who may touch what: an account itself and its descendants; superduper admins everything."""

from __future__ import annotations

from dataclasses import dataclass

from kztasks.store.interface import Account


@dataclass(frozen=True, slots=True)
class Access:
    """The account of the token, and the account of the URL on which it may act.

    `request_id` and `client` say by which request, for the audit log.
    """

    caller: Account
    target: Account
    request_id: str | None = None
    client: str | None = None


def may_act_on(caller: Account, target: Account) -> bool:
    """Whether the caller is the target, one of its ancestors, or a superduper admin."""
    return (
        caller.superduper_admin
        or caller.account_id == target.account_id
        or caller.account_id in target.tree
    )
