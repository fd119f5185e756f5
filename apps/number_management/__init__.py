"""A table of telephone numbers and the tasks on it: a model of how to write a real app."""

from apps.number_management.tasks import app

__all__ = ["app"]
