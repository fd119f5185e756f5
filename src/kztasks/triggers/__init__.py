"""Headless tasks: triggers that fire once in the whole cluster, and their handlers in series."""
