"""Lets scripts of other sites use the API, as configured (Fetch standard, CORS protocol).

A token is never sent by a browser on its own, so letting every site in gives none of them anything.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from starlette.datastructures import MutableHeaders

EVERYBODY: Final = "*"
MAX_AGE_S: Final = 86400

_ALLOWED: Final = (
    "Accept", "Authorization", "Cache-Control", "Content-Transfer-Encoding", "Content-Type",
    "Idempotency-Key", "If-None-Match", "If-Range", "Last-Event-ID", "Range", "X-Auth-Account-ID",
    "X-Auth-Token", "X-Pretty-Print", "X-Request-ID", "X-Requested-With",
)  # fmt: skip
_EXPOSED: Final = (
    "Content-Disposition", "Content-Range", "ETag", "Idempotency-Replayed", "Location",
    "Retry-After", "X-Request-ID",
)  # fmt: skip


class Cors:
    """Which sites may read answers; `*` among them stands for all."""

    def __init__(self, origins: Iterable[str]) -> None:
        self._origins = frozenset(origins)

    @property
    def lets_everybody_in(self) -> bool:
        """Whether the scripts of all sites may read answers."""
        return EVERYBODY in self._origins

    def allow(self, headers: MutableHeaders, origin: str | None) -> bool:
        """Put into an answer's headers whether its site may read it; the same is returned."""
        if self.lets_everybody_in:
            headers["Access-Control-Allow-Origin"] = EVERYBODY
        else:
            headers.add_vary_header("Origin")
            if origin not in self._origins or origin is None:
                return False
            headers["Access-Control-Allow-Origin"] = origin
        headers["Access-Control-Expose-Headers"] = ", ".join(_EXPOSED)
        return True

    def allow_methods(self, headers: MutableHeaders, methods: Iterable[str]) -> None:
        """Put into the headers of an answer to OPTIONS what a site may send."""
        headers["Access-Control-Allow-Methods"] = ", ".join(methods)
        headers["Access-Control-Allow-Headers"] = ", ".join(_ALLOWED)
        headers["Access-Control-Max-Age"] = str(MAX_AGE_S)
