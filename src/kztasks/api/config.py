"""The front's own settings: names, limits, and who may ask from where."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from kztasks.csvio import CsvLimits


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """Kazoo's bucket of tokens, one for each account and one for each unknown client's address.

    Args:
        burst: tokens in a full bucket.
        per_s: tokens that flow into it each second.
        request: tokens that a request costs.
        login: tokens that an exchange of an API key costs, as in Kazoo.
        bad_token: tokens that a request without a good token costs its address.
    """

    burst: int = 500
    per_s: float = 100.0
    request: int = 1
    login: int = 35
    bad_token: int = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Concurrency:
    """How many requests may run at the same time: of one account, and in all.

    Args:
        requests: all kinds of requests.
        uploads: creations of tasks.
        streams: streams of events.
    """

    requests: int = 200
    uploads: int = 16
    streams: int = 20
    all_uploads: int = 256
    all_streams: int = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadPace:
    """How slow an upload may be.

    Args:
        grace_s: seconds without progress that a client always has.
        min_bytes_per_s: what earns it further time.
    """

    grace_s: float = 10.0
    min_bytes_per_s: int = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenSettings:
    """Tokens that the front gives out, and whose it accepts beside them.

    Args:
        lifetime_s: seconds until a token expires.
        key_days: age in days at which a signing key is replaced.
        kazoo_keys: public keys of a Kazoo cluster in PEM, by `kid`.
    """

    lifetime_s: int = 3600
    key_days: int = 30
    kazoo_keys: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiSettings:
    """Limits and names of the front.

    Args:
        node: this node's name, such as `kztasks@host`; clients see its hash only.
        max_upload_bytes: the largest CSV that is accepted.
        max_json_bytes: the largest JSON body; it is held in memory, unlike a CSV. An account's
            bodies may take as much at the same time.
        all_json_bytes: the same for all accounts' bodies.
        csv: limits on rows, columns and cells of an upload.
        unfinished_tasks: so many tasks of an account may be pending or executing.
        page_size: tasks on a page of the list, unless the client says.
        max_page_size: the most that a client may ask for.
        max_list_size: the most in a list without pages.
        cors_origins: sites whose scripts may read answers; `*` stands for all.
        metrics_token: who has it may read `/metrics`; without one, this machine alone.
        event_poll_s: seconds between two looks at a task that is watched.
        event_ping_s: seconds of silence after which a stream of events says that it lives.
        event_limit_s: seconds after which a stream of events ends, to be opened again.
    """

    node: str
    max_upload_bytes: int = 2 * 1024**3
    max_json_bytes: int = 8_000_000
    all_json_bytes: int = 64_000_000
    csv: CsvLimits = field(default_factory=CsvLimits)
    unfinished_tasks: int = 100_000
    page_size: int = 50
    max_page_size: int = 1000
    max_list_size: int = 10_000
    cors_origins: tuple[str, ...] = ("*",)
    metrics_token: str | None = field(default=None, repr=False)
    event_poll_s: float = 0.5
    event_ping_s: float = 15.0
    event_limit_s: float = 3600.0
    rates: Rates = field(default_factory=Rates)
    concurrency: Concurrency = field(default_factory=Concurrency)
    pace: UploadPace = field(default_factory=UploadPace)
    tokens: TokenSettings = field(default_factory=TokenSettings)
