"""Settings of an app process, from its environment."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, SecretStr, ValidationError

from tasks_bindings.environment import PREFIX, EnvironmentSettings


def wrong_settings(error: ValidationError) -> list[tuple[str, str]]:
    """Each variable that is wrong, and why, without its value: it may be a secret."""
    return [
        (f"{PREFIX}{'_'.join(map(str, one['loc'])).upper()}", one["msg"])
        for one in error.errors(include_url=False, include_input=False)
    ]


class AppSettings(EnvironmentSettings):
    """What the runner itself needs; an app reads its own variables in its start hook."""

    amqp_url: Annotated[SecretStr, Field(description="RabbitMQ to connect to")] = SecretStr(
        "amqp://guest:guest@127.0.0.1:5672/"
    )
    insecure_amqp: Annotated[
        bool,
        Field(description="Connect to another machine's broker without a proof of who it is, too"),
    ] = False
    amqp_heartbeat_s: Annotated[
        int, Field(ge=1, le=600, description="AMQP heartbeat in seconds")
    ] = 20
    drain_s: Annotated[
        float, Field(ge=0, description="Seconds that running batches get at a stop")
    ] = 25.0
    stuck_grace_s: Annotated[
        float,
        Field(
            gt=0,
            description="Seconds beyond a row's time-out after which a handler that does not "
            "return is cancelled, or else ends the process",
        ),
    ] = 60.0
    ops_host: Annotated[str, Field(description="Address of /livez and /readyz")] = "127.0.0.1"
    ops_port: Annotated[
        int | None,
        Field(ge=0, le=65535, description="Port of /livez and /readyz; none: not served"),
    ] = None
    crash_at: Annotated[
        str | None,
        Field(
            pattern=r"^[a-z_]+:[a-z_]+:[1-9][0-9]*$",
            description="For tests alone: a place in the code to die at, and at which time",
        ),
    ] = None
    log_format: Annotated[
        Literal["json", "console"], Field(description="One JSON object a line, or for people")
    ] = "json"
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"], Field(description="Least level to log")
    ] = "info"
