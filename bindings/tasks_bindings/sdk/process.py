"""A whole app process: connect, run, and leave in good order when told to."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys

import structlog

from tasks_bindings import crash_points
from tasks_bindings.bus.amqp import AmqpBus
from tasks_bindings.errors import BadBrokerUrl
from tasks_bindings.logs import configure_logging
from tasks_bindings.ops import OpsServer
from tasks_bindings.sdk.app import App, Environment
from tasks_bindings.sdk.ops import app_pages
from tasks_bindings.sdk.runner import AppRunner
from tasks_bindings.settings import AppSettings
from tasks_bindings.stacks import dump_stacks_on_signal
from tasks_bindings.tuning import run_process

_log = structlog.get_logger(__name__)


async def run_app(app: App, settings: AppSettings) -> None:
    """Run one instance of an app on RabbitMQ until SIGTERM or SIGINT.

    It starts without a broker too and takes up its work when there is one. What a start hook of the
    app raises ends the process.

    Raises:
        BadBrokerUrl: the broker's URL is none, or not secure.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    dump_stacks_on_signal()
    bus = AmqpBus(
        settings.amqp_url.get_secret_value(),
        name=f"app {app.name}",
        heartbeat_s=settings.amqp_heartbeat_s,
        insecure=settings.insecure_amqp,
    )
    environment = Environment(dict(os.environ))  # noqa: TID251  (handed to the app's own hooks)
    runner = AppRunner(app, bus, environment)
    ops = None
    if settings.ops_port is not None:
        ops = OpsServer(settings.ops_host, settings.ops_port, app_pages(lambda: runner.not_ready))
        await ops.start()
    await bus.start()
    try:
        if await _start_unless(stop, runner):
            await stop.wait()
            _log.info("app_stopping", app=app.name)
            await runner.close(drain_s=settings.drain_s)
    finally:
        await bus.close()
        if ops is not None:
            await ops.close()


async def _start_unless(stop: asyncio.Event, runner: AppRunner) -> bool:
    """Start, however long the app's hooks take, unless told to stop before; whether it started."""
    starting = asyncio.create_task(runner.start())
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait({starting, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if starting.done():
        await starting
        return True
    starting.cancel()
    await asyncio.gather(starting, return_exceptions=True)
    return False


def main(app: App) -> None:
    """The `__main__` of an app: settings from the environment, logs, then `run_app`.

    Ends the process with 1 if it may not connect to its broker; says so in the log.
    """
    settings = AppSettings()
    crash_points.arm(settings.crash_at)
    configure_logging(
        json=settings.log_format == "json",
        level=settings.log_level,
        fixed={"service": f"app.{app.name}", "node": f"{app.name}@{socket.gethostname()}"},
    )
    try:
        run_process(run_app(app, settings))
    except BadBrokerUrl as error:
        _log.error("app_not_started", app=app.name, code=error.code, why=str(error))
        sys.exit(1)
