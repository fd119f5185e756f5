"""Which apps are alive, what they serve and to which keys they are bound, from what they say.

Pure: it is told what was heard and when, on the listener's monotonic clock, and never asks. The
scheduler keeps one, and so does everybody who calls across processes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from tasks_bindings.wire.keys import matches
from tasks_bindings.wire.messages import (
    DEFAULT_CONCURRENCY,
    AppIdentity,
    Beat,
    Down,
    HeaderAnswer,
    Help,
    HelpReply,
    Metadata,
)

BEAT_INTERVAL_S: Final = 2.0
"""How often an instance says that it is there."""
SILENCE_LIMIT_S: Final = 8.0
"""An instance that was not heard for so long is gone (at most 10 s after its death)."""


@dataclass(slots=True)
class Instance:
    """A live process of an app."""

    app: AppIdentity
    heard_at: float
    digest: str
    help: Help = field(default_factory=dict)
    bindings: tuple[str, ...] = ()
    since: float = 0.0
    """When it began to serve this, on the listener's clock."""
    triggers: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    concurrency: int = DEFAULT_CONCURRENCY
    """How many requests it runs at the same time."""
    headers: Mapping[str, Mapping[str, HeaderAnswer]] = field(default_factory=dict)
    """Output headers that are always the same, by category and action."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Two apps claim an action with different metadata; the younger one is not used for it."""

    category: str
    action: str
    serving: str
    refused: str
    instance: str
    """The process of the refused app."""


class Directory:
    """Live instances, the one that has served for longest in front.

    How long they have served is what they say, so that all who listen put them in the same order.
    """

    def __init__(self) -> None:
        self._instances: dict[str, Instance] = {}
        self._turn = 0
        self.version = 0
        """Grows with every change of what is served; compare it to know whether to look again."""

    @property
    def instances(self) -> tuple[Instance, ...]:
        """All live instances."""
        return tuple(self._instances.values())

    def heard_beat(self, beat: Beat, now: float) -> bool:
        """Note a sign of life.

        Returns:
            Whether the instance should be asked for help, because it is new or has changed.
        """
        instance = self._instances.get(beat.app.instance)
        if instance is None:
            return True
        instance.heard_at = now
        return instance.digest != beat.digest

    def heard_help(self, reply: HelpReply, now: float) -> None:
        """Note what an instance serves."""
        known = self._instances.get(reply.app.instance)
        if known is not None and known.digest == reply.digest:
            known.heard_at = now
            return
        since = now - reply.up_ms / 1000
        self._instances[reply.app.instance] = Instance(
            reply.app,
            now,
            reply.digest,
            dict(reply.help),
            reply.bindings,
            since,
            reply.triggers,
            reply.concurrency,
            reply.headers,
        )
        self._instances = dict(
            sorted(self._instances.items(), key=lambda item: (item[1].since, item[0]))
        )
        self.version += 1

    def heard_down(self, down: Down) -> None:
        """Note that an instance leaves."""
        if self._instances.pop(down.app.instance, None) is not None:
            self.version += 1

    def expire(self, now: float, *, limit: float = SILENCE_LIMIT_S) -> list[AppIdentity]:
        """Drop instances that were silent for longer than `limit` seconds; who was dropped."""
        silent = [one.app for one in self._instances.values() if now - one.heard_at > limit]
        for app in silent:
            del self._instances[app.instance]
        self.version += bool(silent)
        return silent

    def help(self, category: str | None = None, action: str | None = None) -> Help:
        """What is served, narrowed to a category or an action; empty if there is none."""
        found: Help = {}
        for name, of_category in self._served():
            for other, metadata in of_category.items():
                if category in (None, name) and action in (None, other):
                    found.setdefault(name, {}).setdefault(other, metadata)
        return found

    def metadata(self, category: str, action: str) -> Metadata | None:
        """An action's metadata, or `None` while no live app serves it."""
        return self.help(category, action).get(category, {}).get(action)

    def app_for(self, category: str, action: str) -> str | None:
        """The app to send this action's rows to; apps that serve the same one take turns."""
        names = self.apps_for(category, action)
        if not names:
            return None
        self._turn += 1
        return names[self._turn % len(names)]

    def apps_for(self, category: str, action: str) -> list[str]:
        """All apps to which this action's rows may be sent."""
        metadata = self.metadata(category, action)
        if metadata is None:
            return []
        return _unique(
            one.app.name
            for one in self._instances.values()
            if one.help.get(category, {}).get(action) == metadata
        )

    def capacity(self, app: str) -> int:
        """How many requests the live instances of an app run at the same time; 0 without any."""
        return sum(one.concurrency for one in self._instances.values() if one.app.name == app)

    def instances_for(self, category: str, action: str) -> int:
        """How many live instances serve an action."""
        return sum(action in one.help.get(category, {}) for one in self._instances.values())

    def apps_bound_to(self, key: str) -> list[str]:
        """Names of the apps with a responder for this key, the first one heard in front."""
        return _unique(
            one.app.name
            for one in self._instances.values()
            if any(matches(bound, key) for bound in one.bindings)
        )

    def output_header(self, app: str, category: str, action: str) -> HeaderAnswer | None:
        """The output header that an app announces; `None` if it has to be asked for it.

        That is so too while two versions of the app are there that do not say the same.
        """
        announced = [
            one.headers.get(category, {}).get(action)
            for one in self._instances.values()
            if one.app.name == app and action in one.help.get(category, {})
        ]
        return (
            announced[0] if announced and announced.count(announced[0]) == len(announced) else None
        )

    def handlers(self, app: str, key: str) -> tuple[str, ...]:
        """Names of the functions that an app has bound to a trigger; empty if it tells none."""
        for one in self._instances.values():
            if one.app.name == app and one.triggers.get(key):
                return one.triggers[key]
        return ()

    def refusals(self) -> list[Refusal]:
        """Claims that differ from those of another app that was there before.

        Instances of one app differ while it is being replaced by a new version of itself; until the
        last old one has left, the old metadata counts, and nobody is refused.
        """
        found: list[Refusal] = []
        first: dict[tuple[str, str], tuple[str, Metadata]] = {}
        for one in self._instances.values():
            for category, actions in one.help.items():
                for action, metadata in actions.items():
                    name, served = first.setdefault((category, action), (one.app.name, metadata))
                    if served != metadata and name != one.app.name:
                        found.append(
                            Refusal(category, action, name, one.app.name, one.app.instance)
                        )
        return found

    def _served(self) -> Iterator[tuple[str, dict[str, Metadata]]]:
        for one in self._instances.values():
            yield from one.help.items()


def _unique(names: Iterator[str]) -> list[str]:
    return list(dict.fromkeys(names))
