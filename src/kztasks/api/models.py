"""The shapes of the answers, for the OpenAPI document alone; answers are not built from these."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from kztasks.domain.status import TaskStatus


class _Common(BaseModel):
    request_id: str
    node: str
    timestamp: str
    tokens: dict[str, int]
    auth_token: str | None = None
    version: str | None = None


class ErrorEnvelope(_Common):
    """An error: `error` is the HTTP status as a string, `data` says more."""

    status: Literal["error"]
    message: str
    error: str
    data: Any


class TaskFields(BaseModel):
    """A task; times are Gregorian seconds; unset keys are left out."""

    id: str
    node: str | None = None
    account_id: str
    auth_account_id: str
    category: str
    action: str
    file_name: str | None = None
    created: int
    start_timestamp: int | None = None
    end_timestamp: int | None = None
    total_count: int | None = None
    failure_count: int | None = None
    success_count: int | None = None
    status: TaskStatus
    reason: str | None = None
    waiting_for: str | None = None
    csvs: list[str] | None = None


class TaskData(BaseModel):
    """A task under `_read_only`."""

    model_config = ConfigDict(serialize_by_alias=True)

    read_only: TaskFields = Field(alias="_read_only")


class TaskEnvelope(_Common):
    """One task."""

    status: Literal["success"]
    data: TaskData
    page_size: int | None = None


class TaskListEnvelope(_Common):
    """Tasks of an account, newest first."""

    status: Literal["success"]
    data: list[TaskFields]
    page_size: int
    start_key: str | None = None
    next_start_key: str | None = None


class HelpData(BaseModel):
    """`{CATEGORY: {ACTION: metadata}}`."""

    tasks: dict[str, dict[str, dict[str, Any]]]


class HelpEnvelope(_Common):
    """Which tasks can be created."""

    status: Literal["success"]
    data: HelpData
