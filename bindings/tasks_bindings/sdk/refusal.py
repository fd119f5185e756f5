"""What an app says when it does not take a request."""

from __future__ import annotations

from typing import Final

from tasks_bindings.errors import BindingsError
from tasks_bindings.wire.messages import Refused


class RequestRefused(BindingsError):
    """The app cannot take a request; told to the scheduler as `Refused`."""

    code = "refused"

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.refusal: Final = Refused(code=code, message=message[:2000])
