"""What the process is told by its environment."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from apps.housekeeping.errors import Misconfigured
from tasks_bindings import Environment


@dataclass(frozen=True, slots=True)
class Settings:
    """Where the databases are, and how gently they are treated."""

    mongo_url: str = field(repr=False)
    """May hold a password."""
    step_documents: int
    """Documents that are removed at once."""
    pause_s: float
    """Between two such steps in one database."""
    most_steps: int
    """Steps in one database; what is left then is for the next pass."""
    spared: frozenset[str]
    """Databases from which nothing is removed."""
    accounts_database: str
    threshold: float
    """Below it a balance is low, where the account has no threshold of its own."""
    repeat_s: float
    """A balance that stays low is warned of again after so long."""

    @classmethod
    def of(cls, environment: Environment) -> Settings:
        """Read the settings.

        Raises:
            Misconfigured: a value makes no sense.
        """
        service_url = environment.get("KZTASKS_MONGO_URL", "mongodb://127.0.0.1:27017/")

        def number(name: str, default: float, least: float) -> float:
            name = f"HOUSEKEEPING_{name}"
            text = environment.get(name, "")
            try:
                value = float(text) if text else default
            except ValueError:
                raise Misconfigured(f"{name} must be a number") from None
            if not math.isfinite(value) or value < least:
                raise Misconfigured(f"{name} must be {least:g} or more")
            return value

        spared = environment.get("HOUSEKEEPING_SPARED", "").split(",")
        return cls(
            mongo_url=environment.get("HOUSEKEEPING_MONGO_URL", service_url),
            step_documents=int(number("STEP_DOCUMENTS", 1000, 1)),
            pause_s=number("PAUSE_MS", 10_000, 0) / 1000,
            most_steps=int(number("MOST_STEPS", 30, 1)),
            spared=frozenset(name.strip() for name in spared if name.strip()),
            accounts_database=environment.get("HOUSEKEEPING_ACCOUNTS_DATABASE", "accounts"),
            threshold=number("LOW_BALANCE", 5.0, -math.inf),
            repeat_s=number("LOW_BALANCE_REPEAT_S", 86_400, 0),
        )
