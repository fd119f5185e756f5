"""How a scheduler fetches a file that a handler has produced out of band."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StringConstraints

from tasks_bindings.wire.messages import Name, WireMessage


class FileRequest(WireMessage):
    """To the instance that ran a batch, under its own key: a part of a file that it returned."""

    path: Annotated[str, StringConstraints(min_length=1, max_length=4096)]
    offset: int = Field(ge=0)
    size: int = Field(ge=1)


class FilePart(WireMessage):
    """The part; `total` is the size of the whole file in bytes, `data` is base64."""

    name: Name
    total: int = Field(ge=0)
    data: str


class FileStored(WireMessage):
    """To the same instance: the file is an attachment of the task now and may be deleted."""

    path: Annotated[str, StringConstraints(min_length=1, max_length=4096)]
