"""What a token may be used for, where that is less than all that its account may do.

As in Kazoo, restrictions name methods, and for each of them paths after `/v2/`. In a path `*`
stands for one word and `#` for any number of words; `*` as a method stands for all methods.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from kztasks.api.refusals import BadField

MAX_RULES: Final = 50
MAX_CHARS: Final = 2000
"""Of all paths together: they stand in the token, which stands in the header of each request."""

_ANY_METHOD: Final = "*"
_METHODS: Final = frozenset({_ANY_METHOD, "delete", "get", "patch", "post", "put"})
_PATH: Final = re.compile(r"[A-Za-z0-9._*#/{}-]{1,200}")
_PREFIX: Final = "/v2/"


@dataclass(frozen=True, slots=True)
class Restrictions:
    """Paths by method, in lower case."""

    rules: Mapping[str, tuple[str, ...]]

    def allow(self, method: str, path: str) -> bool:
        """Whether a request may be sent with the token."""
        if not path.startswith(_PREFIX):
            return False
        words = path.removeprefix(_PREFIX).split("/")
        patterns = (*self.rules.get(method.lower(), ()), *self.rules.get(_ANY_METHOD, ()))
        return any(_matches(pattern.strip("/").split("/"), words) for pattern in patterns)

    def as_claim(self) -> dict[str, list[str]]:
        """As it stands in a token."""
        return {method: [*paths] for method, paths in self.rules.items()}


def restrictions_of(value: object) -> Restrictions | None:
    """Read restrictions from JSON; `None` where there are none.

    Raises:
        BadField: it is no object of methods and lists of paths, or there are too many.
    """
    if value is None:
        return None
    if not isinstance(value, Mapping):
        raise _bad("type", "Value did not match type(s): object")
    rules = {str(method).lower(): _paths(paths) for method, paths in value.items()}
    if not rules.keys() <= _METHODS:
        raise _bad("enum", "A method is get, put, post, patch, delete or *")
    paths = [path for some in rules.values() for path in some]
    if len(paths) > MAX_RULES or sum(map(len, paths)) > MAX_CHARS:
        raise _bad("maxItems", "There are too many restrictions")
    return Restrictions(MappingProxyType(rules))


def _paths(value: object) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise _bad("type", "Value did not match type(s): array")
    paths = tuple(path for path in value if isinstance(path, str) and _PATH.fullmatch(path))
    if len(paths) != len(value):
        raise _bad("pattern", "A path has words, * and #, with / between them")
    return paths


def _matches(pattern: Sequence[str], words: Sequence[str]) -> bool:
    """Whether the words are some that the pattern stands for; takes no longer than its product."""
    ends = {0}
    for one in pattern:
        if one == "#":
            ends = set(range(min(ends, default=len(words) + 1), len(words) + 1))
        else:
            ends = {at + 1 for at in ends if at < len(words) and one in {"*", words[at]}}
    return len(words) in ends


def _bad(rule: str, message: str) -> BadField:
    return BadField("restrictions", rule, message)
