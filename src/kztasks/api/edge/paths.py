"""The paths that there are, their methods, and which of them a request's path is."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

_PARAMETER: Final = re.compile(r"\{[a-z_]+\}")
TUNNELLED: Final = frozenset({"GET", "PUT", "PATCH", "DELETE"})
"""Methods that may come as the `verb` of a POST."""


class PathTable:
    """Path templates, such as `/v2/accounts/{account_id}/tasks`, each with its methods."""

    def __init__(self) -> None:
        self._methods: dict[str, set[str]] = {}
        self._patterns: dict[str, re.Pattern[str]] = {}

    def add(self, method: str, template: str) -> None:
        """Note that there is a route."""
        self._methods.setdefault(template, set()).add(method)
        parts = [re.escape(part) for part in _PARAMETER.split(template)]
        self._patterns[template] = re.compile("[^/]+".join(parts))

    def __iter__(self) -> Iterator[tuple[str, str]]:
        """Method and template of every route."""
        for template, methods in self._methods.items():
            for method in methods:
                yield method, template

    def template_of(self, path: str) -> str | None:
        """The template that a path is made by; one without parameters comes first."""
        if path in self._methods:
            return path
        for template, pattern in self._patterns.items():
            if pattern.fullmatch(path):
                return template
        return None

    def methods_of(self, template: str) -> list[str]:
        """The methods of a path, and OPTIONS."""
        return sorted(self._methods[template] | {"OPTIONS"})
