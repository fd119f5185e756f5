"""Routing keys: build them, take them apart, match them against a bound key with wildcards.

The keys are the seed's ("Task discovery", "Writing tasks", "Triggers"). Matching follows the topic
rules of AMQP 0-9-1 and of Kazoo's bindings: words are split on `.`, `*` is exactly one word, `#` is
zero or more; unlike Kazoo's candidate index, the whole key always counts.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from tasks_bindings.errors import DefinitionError

HELP: Final = "tasks.help"
HELP_PATTERNS: Final = ("tasks.help", "tasks.*.help", "tasks.*.help.*")
APPS_BEAT: Final = "apps.beat"
APPS_DOWN: Final = "apps.down"
APPS_CANCEL: Final = "apps.cancel"
SCHEDULERS_STOP: Final = "schedulers.stop"

TRIGGERS: Final = "triggers"
RESERVED_CATEGORIES: Final = frozenset({"help", TRIGGERS})

_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}")
_COLUMN: Final = re.compile(r"[^\s.*#][^*#]{0,127}")


class Part(StrEnum):
    """The words that stand for a callback of the category rather than for an action."""

    HELP = "help"
    OUTPUT_HEADER = "output_header"
    FINISH = "finish"
    CLEANUP = "cleanup"


RESERVED_WORDS: Final = frozenset(part.value for part in Part)


class Trigger(StrEnum):
    """The triggers of the seed's "Headless Tasks", by their routing keys."""

    MINUTE = "tasks.triggers.minute"
    HOUR = "tasks.triggers.hour"
    DAY = "tasks.triggers.day"
    ACCOUNT = "tasks.triggers.account"
    ACCOUNT_MOD = "tasks.triggers.account_mod"
    SYSTEM = "tasks.triggers.system"
    OTHER = "tasks.triggers.other"

    @property
    def takes_database(self) -> bool:
        """Whether its handlers are given the name of a database (else they take nothing)."""
        return self not in {Trigger.MINUTE, Trigger.HOUR, Trigger.DAY}


ALL_DBS: Final = (Trigger.ACCOUNT, Trigger.ACCOUNT_MOD, Trigger.SYSTEM, Trigger.OTHER)
"""The seed's TRIGGER_ALL_DBS."""


def check_name(name: str, what: str) -> str:
    """Return `name` if it can be one word of a routing key.

    Raises:
        DefinitionError: it holds a dot, a wildcard, a space or another character that cannot be.
    """
    if _NAME.fullmatch(name) is None:
        raise DefinitionError(
            f"{what} {name!r} cannot be a word of a routing key: "
            "begin with a letter and use letters, digits, _ and - only (64 at most)"
        )
    return name


def check_column(name: str) -> str:
    """Return `name` if a column of a CSV may be called so and its verifier be bound.

    Columns such as `cnam.inbound` have dots in Kazoo, so a column may span several words.

    Raises:
        DefinitionError: it is empty, begins with a space or a dot, or holds a wildcard.
    """
    if _COLUMN.fullmatch(name) is None:
        raise DefinitionError(
            f"column {name!r} is empty, starts with a dot or a space, or has * or #"
        )
    return name


def action_key(category: str, action: str) -> str:
    """`tasks.CATEGORY.ACTION`: a batch of rows for an action."""
    return f"tasks.{category}.{action}"


def part_key(category: str, part: Part) -> str:
    """`tasks.CATEGORY.output_header`, `.finish`, `.cleanup` or `.help`."""
    return f"tasks.{category}.{part.value}"


def verifier_key(category: str, column: str) -> str:
    """`tasks.CATEGORY.COLUMN`: verify one cell."""
    return f"tasks.{category}.{column}"


def help_key(category: str | None = None, action: str | None = None) -> str:
    """`tasks.help`, `tasks.CATEGORY.help` or `tasks.CATEGORY.help.ACTION`, by what is asked."""
    if category is None:
        return HELP
    return f"tasks.{category}.help" if action is None else f"tasks.{category}.help.{action}"


def instance_key(instance: str) -> str:
    """The key that reaches one running instance of an app, and nobody else."""
    return f"apps.instance.{instance}"


@dataclass(frozen=True, slots=True)
class HelpQuestion:
    """What a help key asks about; `None` means all."""

    category: str | None
    action: str | None


def parse_help_key(key: str) -> HelpQuestion | None:
    """The question that a help key asks, or `None` if it is no help key."""
    match key.split("."):
        case ["tasks", "help"]:
            return HelpQuestion(None, None)
        case ["tasks", category, "help"]:
            return HelpQuestion(category, None)
        case ["tasks", category, "help", action]:
            return HelpQuestion(category, action)
        case _:
            return None


def matches(bound: str, key: str) -> bool:
    """Whether a message with routing key `key` reaches a responder bound to `bound`.

    Args:
        bound: the bound key; `*` stands for exactly one word, `#` for any number, none included.
        key: the routing key of a message; wildcards in it are ordinary words.
    """
    if bound == key:
        return True
    if "*" not in bound and "#" not in bound:
        return False
    return _match_words(bound.split("."), key.split(".") if key else [])


def _match_words(pattern: list[str], words: list[str]) -> bool:
    reachable = [True] + [False] * len(words)
    for piece in pattern:
        following = [False] * (len(words) + 1)
        if piece == "#":
            seen = False
            for position, here in enumerate(reachable):
                seen = seen or here
                following[position] = seen
        else:
            for position, word in enumerate(words):
                following[position + 1] = reachable[position] and piece in ("*", word)
        reachable = following
    return reachable[-1]
