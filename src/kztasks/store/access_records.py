"""What goes in and out of the store about who may do what, and who did what."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """An account; `tree` are its ancestors, root first, as Kazoo's `pvt_tree`."""

    account_id: str
    name: str
    tree: tuple[str, ...] = ()
    enabled: bool = True
    superduper_admin: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningKey:
    """A pair of keys that tokens are signed with. `created` is in Unix seconds."""

    kid: str
    private_pem: str = field(repr=False)
    created: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    """Who did what to which task, or tried to. `at` is in Gregorian seconds.

    Args:
        event: such as `task_created`.
        outcome: `ok`, or the code of the refusal.
        account_id: whose task it is.
        auth_account_id: whose token was used.
        task_id: the task, where there is one.
        request_id: names the request in the logs.
        client: network address of the client.
    """

    at: int
    event: str
    outcome: str
    account_id: str
    auth_account_id: str
    task_id: str | None = None
    request_id: str | None = None
    client: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredAnswer:
    """What a finished request was answered; `data` is JSON text.

    `fingerprint` tells whether another request under the same key asks for the same.
    """

    fingerprint: str
    status: int
    data: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """The one request under an idempotency key that does the work.

    Args:
        key: the key, made unique over all accounts.
        holder: names the request that does the work.
        task_id: the task that it creates, whether or not it exists by now.
        answer: `None` while it works.
    """

    key: str
    holder: str
    task_id: str
    answer: StoredAnswer | None = None
