"""An app that verifies rows and would run none of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tasks_bindings import App, Category, Context, Row
from tests.integration.api.kit import HELP


def picky_app(verify: Callable[[str], Any] = str.isdigit) -> App:
    """Serves what the scheduler says that it serves; `verify` guards `col1`."""
    skel = Category("skel")
    skel.verifier("col1")(verify)

    def never(_context: Context, _data: object, _row: Row) -> object:
        raise AssertionError("a handler was called")

    for name in ("id1", "id2"):
        metadata = HELP["skel"][name]
        skel.csv_action(
            name,
            description=metadata.description,
            mandatory=metadata.mandatory,
            optional=metadata.optional,
        )(never)
    return App("picky", skel)
