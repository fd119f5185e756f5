"""A disk of a server's own that is full as long as a test wants it to be."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import contextmanager

NO_LIMIT = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)


@contextmanager
def full_disk(pid: int | None) -> Iterator[None]:
    """Nothing that the process writes to a file succeeds (EFBIG) while the context is open."""
    assert pid is not None
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (1, resource.RLIM_INFINITY))
    try:
        yield
    finally:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, NO_LIMIT)
