"""The shapes of the answers, for the OpenAPI document alone; answers are not built from these."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from kztasks.domain.status import TaskStatus


class TokensLeft(BaseModel):
    """The bucket that requests are paid from: what this one took, and what is left."""

    consumed: int
    remaining: int


class Envelope(BaseModel):
    """What every answer has beside its data."""

    request_id: str
    node: str
    timestamp: str
    tokens: TokensLeft
    auth_token: str | None = None
    version: str | None = None


class ErrorEnvelope(Envelope):
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
    rescues: int | None = None
    csvs: list[str] | None = None


class TaskData(BaseModel):
    """A task under `_read_only`."""

    model_config = ConfigDict(serialize_by_alias=True)

    read_only: TaskFields = Field(alias="_read_only")


class TaskEnvelope(Envelope):
    """One task."""

    status: Literal["success"]
    data: TaskData
    page_size: int | None = None
    revision: str | None = None
    start_refused: str | None = None


class TaskListEnvelope(Envelope):
    """Tasks of an account, newest first."""

    status: Literal["success"]
    data: list[TaskFields]
    page_size: int | None = None
    revision: str | None = None
    start_key: str | None = None
    next_start_key: str | None = None


class HelpData(BaseModel):
    """`{CATEGORY: {ACTION: metadata}}`."""

    tasks: dict[str, dict[str, dict[str, Any]]]


class HelpEnvelope(Envelope):
    """Which tasks can be created."""

    status: Literal["success"]
    data: HelpData


class RowFailure(BaseModel):
    """A cell that fails its row; `row` counts from 1. No column: the whole row is at fault."""

    row: int
    column: str | None
    value: str | None
    rule: str
    message: str


class Validity(BaseModel):
    """A task could be created; `rows` and `columns` of its input, if it has one.

    `verified` is false where the app cannot verify; then nothing is known of single rows. Rows that
    fail are counted whole, and the first 100 cells are in `failures`.
    """

    valid: bool
    rows: int | None
    columns: list[str]
    verified: bool
    failed_rows: int | None
    failed_cells: int | None
    failures: list[RowFailure] = Field(max_length=100)


class ValidityEnvelope(Envelope):
    """The answer to `validate_only`."""

    status: Literal["success"]
    data: Validity


class LoginData(BaseModel):
    """What Kazoo tells at a login, as far as it means anything here."""

    account_id: str
    account_name: str
    apps: list[str] = []
    capabilities: dict[str, bool] = {}
    is_master_account: bool = False
    is_reseller: bool = False
    language: str = "en-us"
    reseller_id: str
    ui_config: dict[str, Any] = {}


class AuthEnvelope(Envelope):
    """`auth_token` is the new token."""

    status: Literal["success"]
    data: LoginData


class TokenData(BaseModel):
    """What a token stands for; `exp` is in Unix seconds."""

    account_id: str
    account_name: str | None = None
    method: str
    exp: int | None = None


class TokenEnvelope(Envelope):
    """What a token stands for."""

    status: Literal["success"]
    data: TokenData


class KeyData(BaseModel):
    """A public key in PEM."""

    id: str
    alg: str
    public_key: str


class KeyEnvelope(Envelope):
    """A public key."""

    status: Literal["success"]
    data: KeyData


class KeySet(BaseModel):
    """Public keys (RFC 7517)."""

    keys: list[dict[str, str]]


class Health(BaseModel):
    """The process serves."""

    status: Literal["ok"]


class Readiness(BaseModel):
    """`checks` has `ok`, or the code of an error, for each part."""

    status: Literal["ok", "unavailable"]
    checks: dict[str, str]
