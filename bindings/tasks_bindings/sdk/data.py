"""A handler's `Data` between JSON text on the wire and the author's own type."""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError

from tasks_bindings.errors import BadReturn, StateTooLarge
from tasks_bindings.sdk.actions import Action
from tasks_bindings.sdk.returns import INIT
from tasks_bindings.wire.messages import MAX_DATA_BYTES


def load_data(action: Action, data: str | None) -> Any:
    """What the handler is given: `INIT`, or its last `Data` in its own type.

    Raises:
        BadReturn: the text does not fit the type that the action declares now.
    """
    if data is None:
        return INIT
    try:
        return action.data_adapter.validate_json(data)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        why = f"{'.'.join(map(str, first['loc'])) or 'Data'}: {first['msg']}"
        raise BadReturn(f"stored Data does not fit the action's data_type: {why}") from None


def dump_data(action: Action, data: Any, *, limit: int = MAX_DATA_BYTES) -> str | None:
    """`Data` as JSON text for the wire and the log.

    Raises:
        BadReturn: it cannot be JSON.
        StateTooLarge: it is over `limit` bytes.
    """
    if data is INIT:
        return None
    try:
        encoded: bytes = action.data_adapter.dump_json(data, warnings="error")
    except ValueError as error:
        raise BadReturn(f"Data cannot be JSON: {error}") from None
    if len(encoded) > limit:
        raise StateTooLarge(
            f"Data of tasks.{action.category}.{action.name} is {len(encoded)} bytes, the limit is "
            f"{limit}: keep what grows in a database, or flush it every few rows"
        )
    return encoded.decode()
