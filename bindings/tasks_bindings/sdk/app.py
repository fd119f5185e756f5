"""An app: the categories that one process offers, its triggers and what it needs to start."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tasks_bindings.errors import DefinitionError
from tasks_bindings.registry import Bound, Registry
from tasks_bindings.sdk.actions import Action
from tasks_bindings.sdk.callbacks import TriggerOf, bind_category
from tasks_bindings.sdk.category import Category
from tasks_bindings.sdk.definition import check_handler
from tasks_bindings.sdk.header import header_value
from tasks_bindings.wire.keys import Trigger, check_name
from tasks_bindings.wire.messages import DEFAULT_CONCURRENCY, HeaderAnswer, Help

_RESERVED_APPS: Final = frozenset({"apps", "tasks"})


@dataclass(frozen=True, slots=True)
class Environment:
    """What an app is started with: the environment variables of its process."""

    variables: Mapping[str, str]

    def get(self, name: str, default: str) -> str:
        """The variable, or the default where it is not set or empty."""
        return self.variables.get(name) or default


Lifecycle = Callable[[Environment], Awaitable[None] | None]


class App:
    """One kind of app process. Any number of instances of it may run; they share the rows.

    Args:
        name: names the queue that all instances share.
        categories: what it offers.
        version: the author's version of it, shown with what it ran.
        concurrency: batches that one instance runs at once, each of another task. Sync handlers
            run in threads, so handlers that share state without a lock want 1.
        files: the folder that files returned by `file()` come from; no other can be read.

    Raises:
        DefinitionError: a name does not fit, or a category comes twice.
    """

    def __init__(
        self,
        name: str,
        *categories: Category,
        version: str = "0",
        concurrency: int = DEFAULT_CONCURRENCY,
        files: Path | None = None,
    ) -> None:
        check_name(name, "app")
        if name in _RESERVED_APPS:
            raise DefinitionError(f"app {name!r}: the name is reserved; choose another one")
        if len({category.name for category in categories}) != len(categories):
            raise DefinitionError(f"app {name!r} takes in a category twice; name it once")
        if concurrency < 1:
            raise DefinitionError(f"app {name!r}: concurrency must be 1 or more")
        self.name: Final = name
        self.version: Final = version
        self.concurrency: Final = concurrency
        self.files: Final = files
        self.categories: Final = categories
        self.triggers: Final = Registry()
        self.start_hooks: Final[list[Lifecycle]] = []
        self.stop_hooks: Final[list[Lifecycle]] = []

    def trigger(self, *triggers: Trigger) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        """Decorator: run a function at each firing of these triggers (seed, "Headless Tasks").

        Cron-like triggers call it without an argument, database triggers with the database's name.
        Several may be bound at once: `@app.trigger(*ALL_DBS)`.

        Raises:
            DefinitionError: it does not take what the trigger gives, or is bound to it already.
        """

        def register(function: Callable[..., Any]) -> Callable[..., Any]:
            for one in triggers:
                given = ("database",) if one.takes_database else ()
                check_handler(f"trigger {one.value}", function, given)
                if self.triggers.bind(one.value, function) is Bound.EXISTS:
                    raise DefinitionError(f"this function is bound to {one.value} already")
            return function

        return register

    def on_start(self, hook: Lifecycle) -> Lifecycle:
        """Decorator: called with the `Environment` before the first request is taken.

        Raises:
            DefinitionError: it takes something else.
        """
        check_handler(f"app {self.name!r}: on_start", hook, ("environment",))
        self.start_hooks.append(hook)
        return hook

    def on_stop(self, hook: Lifecycle) -> Lifecycle:
        """Decorator: called with the `Environment` after the last request was answered.

        Raises:
            DefinitionError: it takes something else.
        """
        check_handler(f"app {self.name!r}: on_stop", hook, ("environment",))
        self.stop_hooks.append(hook)
        return hook

    def action(self, category: str, action: str) -> Action | None:
        """One of the app's actions."""
        for one in self.categories:
            if one.name == category:
                return one.actions.get(action)
        return None

    def help(self) -> Help:
        """`{CATEGORY: {ACTION: metadata}}` of everything that it offers."""
        return {
            category.name: {name: action.metadata for name, action in category.actions.items()}
            for category in self.categories
        }

    def headers(self) -> dict[str, dict[str, HeaderAnswer]]:
        """`{CATEGORY: {ACTION: header}}` of the output headers that are no functions."""
        return {
            category.name: {
                name: header_value(action.header, name)
                for name, action in category.actions.items()
                if action.header is not None and not callable(action.header)
            }
            for category in self.categories
        }

    def trigger_handlers(self) -> dict[str, dict[str, Callable[..., Any]]]:
        """`{KEY: {NAME: function}}` of all triggers, in the order in which they were bound."""
        found: dict[str, dict[str, Callable[..., Any]]] = {}
        for key in self.triggers.keys:
            named: dict[str, Callable[..., Any]] = {}
            for responder in self.triggers.responders(key):
                name = _name(responder.function)
                number = sum(other.partition("#")[0] == name for other in named)
                named[f"{name}#{number + 1}" if number else name] = responder.function
            found[key] = named
        return found

    def responders(self) -> Registry:
        """What the app binds: actions, verifiers, headers, hooks and triggers."""
        registry = Registry()
        for category in self.categories:
            bind_category(registry, category)
        for key in self.triggers.keys:
            for responder in self.triggers.responders(key):
                registry.bind(key, TriggerOf(responder.function))
        return registry


def _name(function: Callable[..., Any]) -> str:
    return str(getattr(function, "__qualname__", type(function).__name__))[:200]
