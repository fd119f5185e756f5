"""What the process is told by its environment."""

from __future__ import annotations

import math
import re
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
    databases: re.Pattern[str]
    """Names of the databases that are cleaned."""
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

        try:
            databases = re.compile(environment.get("HOUSEKEEPING_DATABASES", ".*"))
        except re.error as error:
            raise Misconfigured(
                f"HOUSEKEEPING_DATABASES is no regular expression: {error}"
            ) from None
        return cls(
            mongo_url=environment.get("HOUSEKEEPING_MONGO_URL", service_url),
            step_documents=int(number("STEP_DOCUMENTS", 1000, 1)),
            pause_s=number("PAUSE_MS", 10_000, 0) / 1000,
            most_steps=int(number("MOST_STEPS", 30, 1)),
            databases=databases,
            accounts_database=environment.get("HOUSEKEEPING_ACCOUNTS_DATABASE", "accounts"),
            threshold=number("LOW_BALANCE", 5.0, -math.inf),
            repeat_s=number("LOW_BALANCE_REPEAT_S", 86_400, 0),
        )
