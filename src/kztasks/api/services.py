"""The parts of one front, put together once and found again from a request."""

from __future__ import annotations

from dataclasses import dataclass

from fastapi import FastAPI, Request

from kztasks.api.catalogue import Catalogue
from kztasks.api.creation import Creator
from kztasks.api.deps import ApiDeps
from kztasks.api.envelope import Envelopes
from kztasks.api.service import TaskService


@dataclass(frozen=True, slots=True)
class Services:
    """What the routes call."""

    deps: ApiDeps
    envelopes: Envelopes
    catalogue: Catalogue
    creator: Creator
    tasks: TaskService


def build_services(deps: ApiDeps) -> Services:
    """Put the parts together."""
    catalogue = Catalogue(deps.scheduler)
    return Services(
        deps=deps,
        envelopes=Envelopes(deps.settings.node, deps.clock),
        catalogue=catalogue,
        creator=Creator(deps, catalogue),
        tasks=TaskService(deps),
    )


def install(app: FastAPI, services: Services) -> None:
    """Let the app's requests find the services."""
    app.state.services = services


def services_of(request: Request) -> Services:
    """The services of the app that a request came to."""
    services = request.app.state.services
    if not isinstance(services, Services):
        raise TypeError("the app was not made by create_app")
    return services
