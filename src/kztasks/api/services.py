"""The parts of one front, put together once and found again from a request."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from fastapi import FastAPI, Request

from kztasks.api.audit import Auditor
from kztasks.api.catalogue import Catalogue
from kztasks.api.creation import Creator
from kztasks.api.deps import ApiDeps
from kztasks.api.envelope import Envelopes
from kztasks.api.events import EventStreams
from kztasks.api.headless.schedules import ScheduleService
from kztasks.api.headless.triggers import TriggerService
from kztasks.api.idempotency import Idempotency
from kztasks.api.identity.keyring import KeyRing
from kztasks.api.identity.tokens import Tokens
from kztasks.api.limits.buckets import Buckets
from kztasks.api.limits.cut import Cut
from kztasks.api.limits.gates import Gate
from kztasks.api.limits.json_memory import JsonMemory
from kztasks.api.metrics import Metrics
from kztasks.api.readiness import Readiness
from kztasks.api.service import TaskService
from kztasks.api.validation import Validator
from kztasks.api.verification import Verifications


@dataclass(frozen=True, slots=True)
class Services:
    """What the routes call.

    `closing` is set when the process is about to leave, for answers that would go on for long;
    `cut` is made when it has waited for clients' bodies as long as it may.
    """

    deps: ApiDeps
    envelopes: Envelopes
    catalogue: Catalogue
    creator: Creator
    validator: Validator
    idempotency: Idempotency
    tasks: TaskService
    triggers: TriggerService
    schedules: ScheduleService
    events: EventStreams
    keyring: KeyRing
    tokens: Tokens
    audit: Auditor
    metrics: Metrics
    readiness: Readiness
    by_account: Buckets
    by_address: Buckets
    requests: Gate
    uploads: Gate
    json_memory: JsonMemory
    closing: asyncio.Event
    cut: Cut


def build_services(deps: ApiDeps) -> Services:
    """Put the parts together.

    Raises:
        Misconfigured: a configured key cannot be used.
    """
    settings, store = deps.settings, deps.store
    rates, concurrency = settings.rates, settings.concurrency
    is_alone, closing = deps.beside is None, asyncio.Event()
    metrics = Metrics((lambda: deps.scheduler.is_ready) if is_alone else None)
    catalogue = Catalogue(deps.scheduler)
    audit = Auditor(store.audit, deps.clock)
    tasks = TaskService(deps, audit)
    creator = Creator(deps, catalogue, tasks, audit, metrics)
    keyring = KeyRing(store.signing_keys, settings.tokens, deps.clock)
    streams = Gate(concurrency.streams, concurrency.all_streams)
    return Services(
        deps=deps,
        envelopes=Envelopes(settings.node, deps.clock),
        catalogue=catalogue,
        creator=creator,
        validator=Validator(catalogue, Verifications(deps.verifier), settings),
        idempotency=Idempotency(store, creator),
        tasks=tasks,
        triggers=TriggerService(deps, audit),
        schedules=ScheduleService(deps, catalogue, creator, audit),
        events=EventStreams(tasks, settings, streams, metrics, closing),
        keyring=keyring,
        tokens=Tokens(store, keyring, settings.tokens.lifetime_s, deps.clock),
        audit=audit,
        metrics=metrics,
        readiness=Readiness(store, deps.scheduler, closing, deps.beside),
        by_account=Buckets(rates.burst, rates.per_s),
        by_address=Buckets(rates.burst, rates.per_s),
        requests=Gate(concurrency.requests),
        uploads=Gate(concurrency.uploads, concurrency.all_uploads),
        json_memory=JsonMemory(largest=settings.max_json_bytes, total=settings.all_json_bytes),
        closing=closing,
        cut=Cut(),
    )


def install(app: FastAPI, services: Services) -> None:
    """Let the app's requests find the services."""
    app.state.services = services


def services_of(request: Request) -> Services:
    """The services of the app that a request came to."""
    return services_in(request.app)


def services_in(app: FastAPI) -> Services:
    """The services of an app."""
    services = app.state.services
    if not isinstance(services, Services):
        raise TypeError("the app was not made by create_app")
    return services
