"""A category: the actions, verifiers and hooks that share the routing keys `tasks.CATEGORY.*`."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any, Final

from tasks_bindings.errors import DefinitionError
from tasks_bindings.sdk.actions import Action, CsvHandler, NoinputHandler
from tasks_bindings.sdk.definition import (
    build_metadata,
    check_handler,
    check_lower_case,
    column_names,
)
from tasks_bindings.sdk.header import OutputHeader, check_header
from tasks_bindings.wire.keys import (
    RESERVED_CATEGORIES,
    RESERVED_WORDS,
    check_column,
    check_name,
)
from tasks_bindings.wire.messages import OnCrash

Verifier = Callable[[str], Any]


class Category:
    """What one app (or one file of it) offers under one category name.

    Nothing is global: a category does nothing until an `App` takes it in.
    """

    def __init__(self, name: str) -> None:
        check_name(name, "category")
        if name in RESERVED_CATEGORIES:
            raise DefinitionError(f"category {name!r} is reserved; choose another name")
        self.name: Final = name
        self.actions: Final[dict[str, Action]] = {}
        self.verifiers: Final[dict[str, Verifier]] = {}

    def csv_action(
        self,
        name: str,
        *,
        description: str,
        mandatory: Sequence[str] = (),
        optional: Sequence[str] = (),
        doc: str = "",
        output_header: OutputHeader | None = None,
        wait_after_row_ms: int | None = None,
        on_crash: OnCrash | str = OnCrash.STOP,
        stateless: bool = False,
        data_type: Any | None = None,
    ) -> Callable[[CsvHandler], Action]:
        """Decorator: a handler `(context, data, row)` that runs once for each row of a CSV.

        Args:
            name: the action, the last word of its routing key.
            description: one sentence for those who choose among tasks.
            mandatory: columns that every row must have a value for.
            optional: further columns that the handler knows.
            doc: a paragraph for those who use it.
            output_header: columns after the input's, or `Replace([...])`, or a function of the
                action's name that returns either.
            wait_after_row_ms: pause after each row in place of the service's setting.
            on_crash: `stop` (default) or `continue` after a row whose handler raised.
            stateless: promise that the handler neither uses nor returns `Data`.
            data_type: type of `Data` where it is not plain JSON (a dataclass, a model).

        Raises:
            DefinitionError: something does not fit; the sentence says what to change.
        """
        where = f"tasks.{self.name}.{name}"
        fields = {
            "description": description,
            "doc": doc,
            "expected_content": "text/csv",
            "mandatory": column_names(where, "mandatory", mandatory),
            "optional": column_names(where, "optional", optional),
            "wait_after_row_ms": wait_after_row_ms,
            "on_crash": on_crash,
            "stateless": stateless,
        }
        return self._register(name, fields, ("context", "data", "row"), output_header, data_type)

    def noinput_action(
        self,
        name: str,
        *,
        description: str,
        output_header: OutputHeader,
        doc: str = "",
        wait_after_row_ms: int | None = None,
        on_crash: OnCrash | str = OnCrash.STOP,
        data_type: Any | None = None,
    ) -> Callable[[NoinputHandler], Action]:
        """Decorator: a handler `(context, data)` that is called until it returns `STOP`.

        Takes the same arguments as `csv_action`, but no columns: it has no input.

        Raises:
            DefinitionError: something does not fit; the sentence says what to change.
        """
        fields = {
            "description": description,
            "doc": doc,
            "wait_after_row_ms": wait_after_row_ms,
            "on_crash": on_crash,
        }
        return self._register(name, fields, ("context", "data"), output_header, data_type)

    def verifier(self, column: str) -> Callable[[Verifier], Verifier]:
        """Decorator: a function of one cell; returns true if it is valid (seed, "Verifier/1").

        It guards the column of this name in every action of the category. A false result or an
        exception fails the row before its handler is called. It is a plain function, as it is asked
        for every cell; what has to wait for an answer belongs into the handler.

        Raises:
            DefinitionError: the name is taken by a verifier, an action or a callback, or the
                function cannot be called with a cell or would have to be awaited.
        """
        where = f"tasks.{self.name}.{column}"
        check_column(column)
        check_lower_case(where, column)
        if column in RESERVED_WORDS:
            raise DefinitionError(f"{where} is a callback, not a column's key")
        if column in self.actions:
            raise DefinitionError(f"{where} is the key of an action; rename one of them")
        if column in self.verifiers:
            raise DefinitionError(f"{where} has a verifier already")

        def register(function: Verifier) -> Verifier:
            check_handler(f"verifier of {column!r}", function, ("cell",))
            if inspect.iscoroutinefunction(function):
                raise DefinitionError(f"verifier of {column!r}: it must be a plain function")
            self.verifiers[column] = function
            return function

        return register

    def _register(
        self,
        name: str,
        fields: dict[str, Any],
        parameters: tuple[str, ...],
        output_header: OutputHeader | None,
        data_type: Any | None,
    ) -> Callable[[Callable[..., Any]], Action]:
        where = f"tasks.{self.name}.{name}"
        metadata = build_metadata(self.name, name, fields)
        if name in self.actions:
            raise DefinitionError(f"{where} is defined twice; keep one of them")
        if name in self.verifiers:
            raise DefinitionError(f"{where} is the key of a verifier; rename one of them")
        check_header(where, output_header)

        def register(handler: Callable[..., Any]) -> Action:
            check_handler(where, handler, parameters)
            action = Action(
                self.name,
                name,
                handler,
                metadata=metadata,
                output_header=output_header,
                data_type=data_type,
            )
            self.actions[name] = action
            return action

        return register
