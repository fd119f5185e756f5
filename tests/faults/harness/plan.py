"""Which faults come, when and to whom: decided by a seed before anything runs. Pure."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """A kind of fault; `faults.py` has the function of each."""

    KILL_SCHEDULER = "kill_scheduler"
    KILL_APP = "kill_app"
    KILL_API = "kill_api"
    KILL_STORE = "kill_store"
    PAUSE_SCHEDULER = "pause_scheduler"
    PAUSE_APP = "pause_app"
    RESTART_BROKER = "restart_broker"
    KILL_BROKER = "kill_broker"


@dataclass(frozen=True, slots=True)
class Planned:
    """One fault that is to come."""

    number: int
    kind: Kind
    wait_s: float
    """Seconds after the fault before."""
    target: int
    """Which of the processes of this kind, taken modulo how many there are."""
    hold_s: float
    """Seconds that a pause, or an outage of broker or store, lasts."""


@dataclass(frozen=True, slots=True)
class Mix:
    """What faults are made of.

    Args:
        weights: how often each kind comes, relative to the others.
        gap_s: mean seconds between two faults; each gap is between half and one and a half of it.
        pause_s: least and most seconds of a pause.
        outage_s: least and most seconds for which broker or store stay away.
    """

    weights: Mapping[Kind, int]
    gap_s: float
    pause_s: tuple[float, float] = (3.0, 4.0)
    outage_s: tuple[float, float] = (0.0, 0.5)


def counts_of(weights: Mapping[Kind, int], count: int) -> dict[Kind, int]:
    """So many faults in the proportion of the weights; one of each kind at least, if they do."""
    total = sum(weights.values())
    exact = {kind: count * weight / total for kind, weight in weights.items()}
    counts = {kind: max(1, int(share)) for kind, share in exact.items()}
    while sum(counts.values()) < count:
        counts[max(counts, key=lambda kind: exact[kind] - counts[kind])] += 1
    while sum(counts.values()) > count:
        counts[max(counts, key=lambda kind: counts[kind])] -= 1
    return counts


def plan_of(rng: random.Random, count: int, mix: Mix) -> list[Planned]:
    """The faults of a run, in order; the same for the same seed."""
    kinds = [kind for kind, times in counts_of(mix.weights, count).items() for _ in range(times)]
    rng.shuffle(kinds)
    pauses = (Kind.PAUSE_APP, Kind.PAUSE_SCHEDULER)
    return [
        Planned(
            number=number,
            kind=kind,
            wait_s=mix.gap_s * rng.uniform(0.5, 1.5),
            target=rng.randrange(1_000),
            hold_s=rng.uniform(*(mix.pause_s if kind in pauses else mix.outage_s)),
        )
        for number, kind in enumerate(kinds, start=1)
    ]
