"""What the process is told by its environment."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from apps.number_management.errors import Misconfigured
from tasks_bindings import Environment

ACCOUNT_ID_LENGTH: Final = 32


@dataclass(frozen=True, slots=True)
class Settings:
    """Where the table is, and whose the system is."""

    mongo_url: str = field(repr=False)
    """May hold a password."""
    database: str
    master_account: str | None
    """The account that handles every account's numbers; `None`: there is none."""

    @classmethod
    def of(cls, environment: Environment) -> Settings:
        """Read the settings.

        Raises:
            Misconfigured: a value makes no sense.
        """
        service_url = environment.get("KZTASKS_MONGO_URL", "mongodb://127.0.0.1:27017/")
        master = environment.get("NUMBERS_MASTER_ACCOUNT", "")
        if master and len(master) != ACCOUNT_ID_LENGTH:
            raise Misconfigured(
                "NUMBERS_MASTER_ACCOUNT must be an account's id, "
                f"which has {ACCOUNT_ID_LENGTH} characters"
            )
        return cls(
            mongo_url=environment.get("NUMBERS_MONGO_URL", service_url),
            database=environment.get("NUMBERS_MONGO_DATABASE", "numbers"),
            master_account=master or None,
        )
