"""Which database trigger a database belongs to. Each belongs to exactly one.

The original's kinds (seed, "Triggers": account DBs, account MODBs, system DBs, other DBs), by names
as MongoDB can hold them: it takes no slash, so `account/xx/yy/…` stands as `account%2Fxx%2Fyy…`,
with `-` or `_` in place of `%2F`, or as the bare id.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from tasks_bindings.wire.keys import Trigger

_SLASH: Final = r"(?:%2[Ff]|[-_])"
_ACCOUNT: Final = (
    rf"(?:account{_SLASH}[0-9a-f]{{2}}{_SLASH}[0-9a-f]{{2}}{_SLASH}[0-9a-f]{{28}}"
    rf"|(?:account{_SLASH})?[0-9a-f]{{32}})"
)
ACCOUNT_PATTERN: Final = _ACCOUNT
ACCOUNT_MOD_PATTERN: Final = rf"{_ACCOUNT}-[0-9]{{6}}"
"""An account's database of one month: the account's name, `-`, year and month."""
SYSTEM_PATTERN: Final = (
    "system_data|system_config|system_schemas|system_auth|system_media|sip_auth|accounts|ratedeck"
    "|faxes|services|offnet|anonymous_cdrs|port_requests|dedicated_ips|acdc|oauth|functions"
    "|webhooks|token_auth|alerts|tasks|pending_notifications"
)
SERVERS_OWN: Final = frozenset({"admin", "config", "local"})
"""MongoDB's own databases, which belong to no trigger."""


@dataclass(frozen=True, slots=True)
class Patterns:
    """Regular expressions that a whole name must fit, tried in this order; any other is `other`."""

    account: str = ACCOUNT_PATTERN
    account_mod: str = ACCOUNT_MOD_PATTERN
    system: str = SYSTEM_PATTERN

    def trigger_of(self, database: str) -> Trigger | None:
        """The trigger that a database belongs to; `None` for one of MongoDB's own."""
        if database in SERVERS_OWN:
            return None
        for pattern, trigger in (
            (self.account, Trigger.ACCOUNT),
            (self.account_mod, Trigger.ACCOUNT_MOD),
            (self.system, Trigger.SYSTEM),
        ):
            if re.fullmatch(pattern, database):
                return trigger
        return Trigger.OTHER
