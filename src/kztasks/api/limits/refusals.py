"""Refusals that are about traffic rather than tasks.

KztasksError
├── TrafficRefused
│   ├── TooManyRequests        the account, or the client's address, asks too often
│   ├── TooManyRunning         the account runs as many tasks as it may
│   ├── SlowUpload             the body comes in too slowly
│   ├── Gone                   a version of the API that is no longer
│   └── BadRange               no byte of the file is in the range
├── Conflict
│   ├── StillRunning           the first request under this idempotency key has no answer yet
│   └── KeyReused              this idempotency key was used for another request
└── Unavailable
    ├── Overloaded             this process does as much as it may
    └── Leaving                this process ends, and the body was not there in time
"""

from __future__ import annotations

from kztasks.errors import Conflict, KztasksError, Unavailable


class TrafficRefused(KztasksError):
    """The request is not served for what it is on the wire."""

    code = "traffic_refused"


class TooManyRequests(TrafficRefused):
    """The account or the address asks too often; `retry_after_s` says when it may again."""

    code = "too_many_requests"

    def __init__(self, retry_after_s: int) -> None:
        super().__init__(f"try again in {retry_after_s} s")
        self.retry_after_s = retry_after_s


class TooManyRunning(TrafficRefused):
    """The account runs as many tasks at the same time as it may."""

    code = "too_many_tasks"


class SlowUpload(TrafficRefused):
    """The body comes in more slowly than is allowed."""

    code = "slow_upload"


class Gone(TrafficRefused):
    """This version of the API is no longer."""

    code = "gone"


class BadRange(TrafficRefused):
    """No byte of a file of `size` bytes is in the range that was asked for."""

    code = "bad_range"

    def __init__(self, size: int) -> None:
        super().__init__(f"the file has {size} bytes")
        self.size = size


class StillRunning(Conflict):
    """The first request under this idempotency key has no answer yet."""

    code = "still_running"


class KeyReused(Conflict):
    """This idempotency key was used for another request."""

    code = "key_reused"


class Overloaded(Unavailable):
    """This process does as much as it may at the same time."""

    code = "overloaded"


class Leaving(Unavailable):
    """This process ends, and the whole body was not there in the time that it gave."""

    code = "leaving"
