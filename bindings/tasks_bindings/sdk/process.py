"""A whole app process: connect, run, and leave in good order when told to."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import structlog
from pydantic import ValidationError

from tasks_bindings import crash_points
from tasks_bindings.bus.amqp import AmqpBus
from tasks_bindings.bus.interface import Bus
from tasks_bindings.errors import BadBrokerUrl
from tasks_bindings.logs import configure_logging
from tasks_bindings.loop_watch import LoopWatch
from tasks_bindings.ops import OpsServer
from tasks_bindings.sdk.app import App, Environment
from tasks_bindings.sdk.metrics import AppMetrics
from tasks_bindings.sdk.ops import app_pages
from tasks_bindings.sdk.runner import AppRunner
from tasks_bindings.settings import AppSettings, wrong_settings
from tasks_bindings.stacks import dump_stacks_on_signal
from tasks_bindings.tuning import run_process

_log = structlog.get_logger(__name__)

EXIT_STUCK: Final = 70
"""A handler did not return, and the process had to end itself (`EX_SOFTWARE`)."""
EXIT_MISCONFIGURED: Final = 2
"""A setting is wrong, and starting again does not mend it."""
EXIT_NOW: Final = 130
HOOKS_S: Final = 10.0
"""So long the app's stop hooks may take in a process that is stuck."""


async def run_app(app: App, settings: AppSettings) -> bool:
    """Run one instance of an app on RabbitMQ until SIGTERM or SIGINT.

    It starts without a broker too and takes up its work when there is one. What a start hook of the
    app raises ends the process. A second signal does so at once, and so does a handler that is
    stuck (`EXIT_STUCK`), after what else runs has had its time.

    Returns:
        Whether all that it ran has ended. Otherwise its threads may go on for ever.

    Raises:
        BadBrokerUrl: the broker's URL is none, or not secure.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, _stop, stop)
    dump_stacks_on_signal()
    bus = AmqpBus(
        settings.amqp_url.get_secret_value(),
        name=f"app {app.name}",
        heartbeat_s=settings.amqp_heartbeat_s,
        insecure=settings.insecure_amqp,
    )
    environment = Environment(dict(os.environ))  # noqa: TID251  (handed to the app's own hooks)
    runner = AppRunner(app, bus, environment, stuck_grace_s=settings.stuck_grace_s)
    drained, is_stuck = True, False
    async with _observed(runner, bus, settings):
        await bus.start()
        try:
            if await _start_unless(stop, runner):
                if is_stuck := await _stuck_before(stop, runner):
                    _log.critical("app_stuck", app=app.name, why=runner.stuck.stuck)
                    loop.call_later(settings.drain_s + HOOKS_S, _leave, EXIT_STUCK)
                _log.info("app_stopping", app=app.name)
                drained = await runner.close(drain_s=settings.drain_s)
        finally:
            await bus.close()
    if is_stuck:
        _leave(EXIT_STUCK)
    return drained


@asynccontextmanager
async def _observed(runner: AppRunner, bus: Bus, settings: AppSettings) -> AsyncIterator[None]:
    """Watch the event loop and, if there is a port for it, let others see how the process is."""
    metrics = AppMetrics(runner.stuck, lambda: bus.is_ready)
    watching = asyncio.create_task(LoopWatch(metrics.note_lag).run())
    ops = None
    try:
        if settings.ops_port is not None:
            pages = app_pages(lambda: runner.not_ready, lambda: runner.stuck.stuck, metrics.text)
            ops = OpsServer(settings.ops_host, settings.ops_port, pages)
            await ops.start()
        yield
    finally:
        watching.cancel()
        if ops is not None:
            await ops.close()


def _stop(stop: asyncio.Event) -> None:
    if stop.is_set():
        os._exit(EXIT_NOW)
    stop.set()


def _leave(status: int) -> None:
    """End the process with threads in it that will not end; asyncio and Python wait for them."""
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


async def _stuck_before(stop: asyncio.Event, runner: AppRunner) -> bool:
    """Wait for the order to stop; true if a handler is stuck before it comes."""
    waits = [asyncio.create_task(event.wait()) for event in (stop, runner.stuck.is_stuck)]
    await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    for wait in waits:
        wait.cancel()
    return not stop.is_set()


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


def _settings() -> AppSettings:
    try:
        return AppSettings()
    except ValidationError as error:
        for name, why in wrong_settings(error):
            sys.stderr.write(f"{name}: {why}\n")
        sys.exit(EXIT_MISCONFIGURED)


async def _run_and_leave(app: App, settings: AppSettings) -> None:
    """What did not end in its time has gone to another process; nobody waits for it here."""
    if not await run_app(app, settings):
        _leave(0)


def main(app: App) -> None:
    """The `__main__` of an app: settings from the environment, logs, then `run_app`.

    Ends the process with 1 if it may not connect to its broker, which the log says, and with 2 if a
    setting is wrong, which stderr says.
    """
    settings = _settings()
    crash_points.arm(settings.crash_at)
    configure_logging(
        json=settings.log_format == "json",
        level=settings.log_level,
        fixed={"service": f"app.{app.name}", "node": f"{app.name}@{socket.gethostname()}"},
    )
    try:
        run_process(_run_and_leave(app, settings))
    except BadBrokerUrl as error:
        _log.error("app_not_started", app=app.name, code=error.code, why=str(error))
        sys.exit(1)
