"""Metadata of tasks as Kazoo's lookup shows them, and back."""

from __future__ import annotations

from typing import Final

import structlog
from pydantic import JsonValue, ValidationError

from tasks_bindings.wire.messages import Help, Metadata

_log = structlog.get_logger(__name__)

_NO_INPUT: Final = "none"
_KAZOO_KEYS: Final = frozenset({"description", "doc", "expected_content", "mandatory", "optional"})


def help_json(help_: Help) -> dict[str, dict[str, JsonValue]]:
    """`{CATEGORY: {ACTION: metadata}}`; what Kazoo does not know is shown where it is set."""
    return {
        category: {name: metadata_json(metadata) for name, metadata in actions.items()}
        for category, actions in help_.items()
    }


def metadata_json(metadata: Metadata) -> dict[str, JsonValue]:
    """One task's metadata. A no-input task has no `expected_content`, as in Kazoo."""
    shown = metadata.model_dump(mode="json", exclude_none=True)
    ours = metadata.model_dump(mode="json", exclude_defaults=True)
    return {key: value for key, value in shown.items() if key in _KAZOO_KEYS or key in ours}


def parse_help(content: dict[str, dict[str, JsonValue]]) -> Help:
    """The inverse of `help_json`, for what any scheduler answers.

    An action whose metadata cannot be understood is logged and left out.
    """
    return {
        category: {
            name: metadata
            for name, value in actions.items()
            if (metadata := _parse_metadata(category, name, value)) is not None
        }
        for category, actions in content.items()
    }


def _parse_metadata(category: str, action: str, value: JsonValue) -> Metadata | None:
    if isinstance(value, dict) and value.get("expected_content") == _NO_INPUT:
        value = {key: item for key, item in value.items() if key != "expected_content"}
    try:
        return Metadata.model_validate(value)
    except ValidationError as error:
        _log.warning("bad_metadata", category=category, action=action, problems=error.error_count())
        return None
