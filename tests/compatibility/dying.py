"""The same cases, while one scheduler after another dies and the next one takes over."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Final

from tests.compatibility.expected import expected
from tests.compatibility.original.case import Answer, Case
from tests.compatibility.original.terms import StopTask
from tests.compatibility.running import Running, Started, until
from tests.integration.scheduler.kit import RunningScheduler

DEATHS: Final = (0.2, 0.5, 0.8)
"""A scheduler dies when this part of all calls was made."""


def can_be_taken_over(case: Case) -> bool:
    """Whether a case means the same to several schedulers."""
    stops = any(isinstance(one, StopTask) for one in case.returns)
    return not (stops or case.is_unbound or case.attachment_failures or case.config)


@dataclass
class Dying(Running):
    """An engine whose schedulers die; each sends single rows, so that there are many borders."""

    async def _schedulers_for(self, store: Any) -> list[RunningScheduler]:
        self._store = store
        return [await self._engine.scheduler(store=store, batch_rows=1)]

    async def _until_quiet(self, group: Iterable[Started]) -> None:
        calls = sum(len(expected(one.case).calls) for one in group)
        for part in DEATHS:
            [dying] = self._schedulers
            await until(lambda enough=calls * part: _made(group) >= enough)
            await until(lambda one=dying: one.scheduler.running > 0)
            await dying.freeze()
            self._engine.started.remove(dying)
            self._schedulers = await self._schedulers_for(self._store)
        for one in group:
            await self._engine.ended(one.task_id)
        await super()._until_quiet(group)


def _made(group: Iterable[Started]) -> int:
    return sum(len(one.scripted.calls) for one in group)


def once(answer: Answer) -> Answer:
    """Without the repetitions of what is done at least once."""
    return replace(
        answer,
        verifier_calls=sorted(set(answer.verifier_calls)),
        finish_calls=answer.finish_calls[:1],
        cleanup_calls=answer.cleanup_calls[:1],
        output_header_calls=min(1, answer.output_header_calls),
    )
