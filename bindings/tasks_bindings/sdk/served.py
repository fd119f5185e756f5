"""What this version of an app serves, and what it says to requests for something else.

All versions of an app share its queue while one replaces the other, so a request may come to the
wrong one. It is refused then, and whoever asked asks again.
"""

from __future__ import annotations

from tasks_bindings.sdk.actions import Action
from tasks_bindings.sdk.app import App
from tasks_bindings.sdk.category import Category
from tasks_bindings.sdk.refusal import RequestRefused
from tasks_bindings.wire.keys import Part
from tasks_bindings.wire.messages import Call


class Served:
    """What one version of an app serves."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._categories = {category.name: category for category in app.categories}

    def action(self, category_name: str, action_name: str) -> tuple[Category, Action]:
        """An action, with its category.

        Raises:
            RequestRefused: this version does not have it.
        """
        category = self._categories.get(category_name)
        action = category.actions.get(action_name) if category is not None else None
        if category is None or action is None:
            raise RequestRefused(
                "unknown_action", f"{self._app.name} has no tasks.{category_name}.{action_name}"
            )
        return category, action

    def check(self, call: Call) -> None:
        """See that a call can be answered here.

        Otherwise there would be no results, which would be taken for the answer: for an action
        without a header of its own, a hook or a trigger's function that was called.

        Raises:
            RequestRefused: it is for the header or a hook of an action that this version does not
                have, or for a trigger to which it has bound nothing.
        """
        match call.key.split("."):
            case ["tasks", "triggers", _] if call.key not in self._app.triggers.keys:
                raise RequestRefused("unknown_handler", f"nothing is bound to {call.key} here")
            case ["tasks", category, Part.OUTPUT_HEADER | Part.FINISH | Part.CLEANUP]:
                if call.args and isinstance(call.args[0], str):
                    self.action(category, call.args[0])
