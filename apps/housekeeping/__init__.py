"""Jobs that nobody starts: cleaning databases, warning of low balances. A model for triggers."""

from apps.housekeeping.jobs import app

__all__ = ["app"]
