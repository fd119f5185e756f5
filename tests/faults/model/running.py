"""Run the state machine as often as is wanted, with a seed, and count what it did."""

from __future__ import annotations

import logging
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Final

import structlog
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.faults.model.loop import ModelLoop, model_time
from tests.faults.model.machine import LogMachine

STEPS: Final = 50
HIDDEN_DEFECTS: Final = frozenset({"task_run_failed"})
"""Events by which the service says that it has met a defect, and goes on."""


@dataclass(frozen=True, slots=True)
class Found:
    """What came out: the error, if any, and how much was tried."""

    counts: Counter[str]
    error: BaseException | None


def run(examples: int, number: int, *, shrink: bool) -> Found:
    """Run so many examples from a seed; the smallest one that fails, if any does."""
    counts = Counter[str]()

    class Machine(LogMachine):
        def teardown(self) -> None:
            try:
                super().teardown()
            finally:
                if self.world is not None:
                    counts.update(self.world.counts)

    chosen = settings(
        max_examples=examples,
        stateful_step_count=STEPS,
        database=None,
        phases=[Phase.generate, *([Phase.shrink] if shrink else [])],
        suppress_health_check=list(HealthCheck),
        report_multiple_bugs=False,
    )
    error: BaseException | None = None
    with _quiet(), model_time(_own_modules()):
        try:
            run_state_machine_as_test(seed(number)(Machine), settings=chosen)
        except Exception as caught:  # noqa: BLE001  (whatever it is, it is the result)
            error = caught
    return Found(counts, error)


def _own_modules() -> list[ModuleType]:
    return [
        module
        for name, module in list(sys.modules.items())
        if name.startswith(("kztasks.scheduler", "tasks_bindings"))
    ]


@contextmanager
def _quiet() -> Iterator[None]:
    """Nothing is logged; a defect that the service only logs is noted as one."""
    before = structlog.get_config()
    structlog.configure(
        processors=[_note],
        wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR),
        cache_logger_on_first_use=False,
    )
    try:
        yield
    finally:
        structlog.configure(**before)


def _note(_logger: object, _method: str, event: Any) -> Any:
    if event["event"] in HIDDEN_DEFECTS:
        ModelLoop.newest.defects.append(f"{event}: {sys.exc_info()[1]!r}")
    raise structlog.DropEvent
