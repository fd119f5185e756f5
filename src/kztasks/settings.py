"""Every setting of the service, from the environment (`KZTASKS_…`). Nothing else reads it.

Settings that the seed names keep its names and defaults and may be changed while tasks run, by the
settings document in the database (`kztasks.run_time`); all others are fixed at start.
"""

from __future__ import annotations

import re
import socket
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr, field_validator, model_validator

from kztasks.domain.databases import ACCOUNT_MOD_PATTERN, ACCOUNT_PATTERN, SYSTEM_PATTERN
from tasks_bindings.environment import EnvironmentSettings


def _node_name() -> str:
    return f"kztasks@{socket.gethostname()}"


class Settings(EnvironmentSettings):
    """The service's settings; `kztasks config` lists them with unit and meaning."""

    amqp_url: SecretStr = Field(
        SecretStr("amqp://guest:guest@127.0.0.1:5672/"), description="RabbitMQ to connect to"
    )
    insecure_amqp: bool = Field(
        False, description="Connect to another machine's broker without a proof of who it is, too"
    )
    amqp_heartbeat_s: int = Field(20, ge=1, le=600, description="AMQP heartbeat, seconds")
    mongo_url: SecretStr = Field(
        SecretStr("mongodb://127.0.0.1:27017/"), description="MongoDB to keep tasks in"
    )
    mongo_database: str = Field(
        "kztasks", pattern=r"^[A-Za-z0-9_-]{1,63}$", description="Name of the database"
    )
    node: str = Field(
        default_factory=_node_name,
        pattern=r"^[^\s@]+@[^\s@]+$",
        description="Name of this node in documents and replies",
    )
    http_host: str = Field("127.0.0.1", description="Address that the HTTP front listens on")
    http_port: int = Field(8000, ge=0, le=65535, description="Port of the HTTP front")
    max_upload_bytes: int = Field(
        2 * 1024**3, ge=1, description="Largest CSV that may be uploaded, bytes"
    )
    max_json_bytes: int = Field(
        8_000_000, ge=1, description="Largest JSON body, records included, bytes"
    )
    http_json_bytes: int = Field(
        64_000_000, ge=1, description="JSON bodies that are held at the same time, bytes"
    )
    max_rows: int = Field(10_000_000, ge=1, description="Most rows in an uploaded CSV")
    max_columns: int = Field(1000, ge=1, description="Most columns in an uploaded CSV")
    max_row_bytes: int = Field(1024 * 1024, ge=1, description="Longest row of a CSV, bytes")
    max_cell_bytes: int = Field(256 * 1024, ge=1, description="Longest cell of a CSV, bytes")
    http_max_connections: int = Field(
        2000, ge=1, description="Connections that the HTTP front serves at the same time"
    )
    http_header_timeout_s: float = Field(
        10.0, gt=0, description="Seconds that a client has for the header of a request"
    )
    http_keep_alive_s: int = Field(
        75,
        ge=1,
        description="Seconds that an idle connection is kept; longer than a balancer keeps its own",
    )
    http_stall_s: float = Field(
        60.0, gt=0, description="Seconds after which a client that takes no bytes is cut off"
    )
    http_upload_grace_s: float = Field(
        10.0, gt=0, description="Seconds that an upload may stand still"
    )
    http_upload_min_bytes_per_s: int = Field(
        10_000, ge=1, description="Rate below which an upload is cut off after the grace time"
    )
    http_rate_burst: int = Field(
        500, ge=50, description="Requests that an account may send at once (full token bucket)"
    )
    http_rate_per_s: float = Field(
        100.0, gt=0, description="Requests per second that an account may send on and on"
    )
    http_account_requests: int = Field(
        200, ge=1, description="Requests of one account that are served at the same time"
    )
    http_account_uploads: int = Field(
        16, ge=1, description="Creations of tasks by one account at the same time"
    )
    http_account_streams: int = Field(
        20, ge=1, description="Streams of events of one account at the same time"
    )
    http_leave_s: float = Field(
        0.0, ge=0, description="Seconds from a stop, when /readyz says so, to the port's closing"
    )
    http_drain_s: float = Field(
        10.0, ge=0, description="Seconds that running requests get when the front leaves"
    )
    http_cors_origins: str = Field(
        "*", description="Sites whose scripts may use the API, separated by blanks; * for all"
    )
    http_trusted_proxies: str = Field(
        "", description="Addresses of proxies whose X-Forwarded-For is believed, with commas"
    )
    http_metrics_token: SecretStr | None = Field(
        None, description="Bearer token for GET /metrics; without it this machine alone may read it"
    )
    token_lifetime_s: int = Field(
        3600, ge=60, le=86_400, description="Seconds until a token of api_auth expires"
    )
    signing_key_days: int = Field(
        30, ge=1, description="Age at which the key that signs tokens is replaced, days"
    )
    kazoo_keys_folder: Path | None = Field(
        None, description="Folder of KID.pem: public keys of a Kazoo cluster whose tokens are taken"
    )
    output_folder: Path = Field(
        Path("/tmp"),  # noqa: S108  (the seed names this folder)
        description="Where task_out.TASKID.csv is put together, and kept if its upload fails",
    )
    data_folder: Path = Field(
        Path("var"), description="Where `kztasks dev` keeps its database; delete it to start anew"
    )
    beat_s: float = Field(3.0, gt=0, description="Seconds between two heartbeats of a scheduler")
    fence_s: float = Field(
        10.0, gt=0, description="Seconds without a heartbeat after which a scheduler holds still"
    )
    node_ttl_s: float = Field(
        15.0, gt=0, description="Seconds of silence after which others take a scheduler's tasks"
    )
    batch_rows: int = Field(4000, ge=1, le=100_000, description="Most rows in one batch")
    batch_bytes: int = Field(
        512 * 1024, ge=1, le=2 * 1024**2, description="Most bytes of input in one batch"
    )
    batch_window: int = Field(
        8,
        ge=1,
        le=64,
        description="Most batches of one task that are out at once, if its action is stateless",
    )
    batch_memory_bytes: int = Field(
        256 * 1024**2,
        ge=1024**2,
        description="Memory of one scheduler for rows that are read and not yet run, bytes",
    )
    batch_target_ms: int = Field(
        250, ge=1, le=10_000, description="Work that one batch should hold, milliseconds"
    )
    batch_work_ms: int = Field(
        1000, ge=1, le=60_000, description="An app answers with what it has after so long, ms"
    )
    silence_s: float = Field(
        15.0, gt=0, description="Seconds without a sign of life after which a batch is lost"
    )
    max_data_bytes: int = Field(
        256 * 1024, ge=1, le=1024**2, description="Largest Data that a handler may hand on, bytes"
    )
    row_timeout_s: float = Field(600.0, gt=0, description="Seconds that one row may take at most")
    node_executing_tasks: int = Field(
        20_000, ge=1, description="Tasks that one scheduler runs at the same time"
    )
    account_executing_tasks: int = Field(
        10_000, ge=1, description="Tasks of one account that are executing at the same time"
    )
    account_unfinished_tasks: int = Field(
        100_000, ge=1, description="Tasks of one account that are pending or executing"
    )
    drain_s: float = Field(
        25.0, ge=0, description="Seconds that running batches get when a scheduler leaves"
    )
    retain_log_hours: float = Field(
        24.0, gt=0, description="Hours that the log of a task is kept after its end"
    )
    retain_log_without_output_days: float = Field(
        7.0, gt=0, description="Days that it is kept if out.csv is not stored: the only copy of it"
    )
    retain_files_days: float | None = Field(
        None, gt=0, description="Days that a task's files are kept after its end; for ever without"
    )
    retain_tasks_days: float | None = Field(
        None, gt=0, description="Days after its end until all of a task is removed; never without"
    )
    retain_audit_days: float | None = Field(
        365.0, gt=0, description="Days that entries of the audit log are kept"
    )
    orphan_grace_hours: float = Field(
        24.0, ge=1, description="Hours until what a crash may have left behind is looked at"
    )
    janitor_interval_s: float = Field(
        600.0, gt=0, description="Seconds between two rounds that remove what was kept long enough"
    )
    trigger_timeout_s: float = Field(
        600.0,
        gt=0,
        le=1500,
        description="Seconds that one function of a trigger may take; longer work goes on in the "
        "background",
    )
    trigger_missed: Literal["late", "skip"] = Field(
        "late", description="What becomes of a trigger's moment at which no scheduler was there"
    )
    databases_account_pattern: str = Field(
        ACCOUNT_PATTERN, description="Names of the databases of tasks.triggers.account"
    )
    databases_account_mod_pattern: str = Field(
        ACCOUNT_MOD_PATTERN, description="Names of the databases of tasks.triggers.account_mod"
    )
    databases_system_pattern: str = Field(
        SYSTEM_PATTERN, description="Names of the databases of tasks.triggers.system"
    )
    ops_host: str = Field(
        "127.0.0.1", description="Address of a scheduler's /healthz, /readyz and /metrics"
    )
    ops_port: int | None = Field(
        None, ge=0, le=65535, description="Port of these; none: they are not served"
    )
    log_format: Literal["json", "console"] = Field(
        "json", description="One JSON object a line, or lines for people"
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="Least level to log"
    )
    crash_at: str | None = Field(
        None,
        pattern=r"^[a-z_]+:[a-z_]+:[1-9][0-9]*$",
        description="For tests alone: a place in the code to die at, and at which time",
    )

    @field_validator(
        "databases_account_pattern", "databases_account_mod_pattern", "databases_system_pattern"
    )
    @classmethod
    def _is_pattern(cls, pattern: str) -> str:
        try:
            re.compile(pattern)
        except re.error as error:
            raise ValueError(f"not a regular expression: {error}") from None
        return pattern

    @model_validator(mode="after")
    def _times_fit(self) -> Settings:
        if not self.beat_s * 3 < self.fence_s < self.node_ttl_s - 2 * min(1.0, self.beat_s):
            raise ValueError(
                "beat_s * 3 < fence_s < node_ttl_s - 2 s must hold, so that a scheduler holds "
                "still before others take its tasks"
            )
        return self

    @model_validator(mode="after")
    def _retention_fits(self) -> Settings:
        times = (
            self.retain_log_hours / 24,
            self.retain_log_without_output_days,
            self.retain_files_days,
            self.retain_tasks_days,
        )
        days = [one for one in times if one is not None]
        if days != sorted(days):
            raise ValueError(
                "retain_log_hours <= retain_log_without_output_days <= retain_files_days <= "
                "retain_tasks_days must hold, so that nothing is removed before what depends on it"
            )
        return self
