"""What a scheduler tells an app whose claim to an action contradicts another app's."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from tasks_bindings.wire.messages import WireMessage, Word


class RefusedClaim(BaseModel):
    """An action that an app claims and does not get."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    category: Word
    action: Word
    serving: Word
    """The app that has served the action for longer, with different metadata."""


class Claims(WireMessage):
    """To an instance, under its own key: all its claims that are refused now.

    Said at each change, an empty list when the last one holds again, and repeated every few seconds
    while there are some.
    """

    refused: tuple[RefusedClaim, ...]
