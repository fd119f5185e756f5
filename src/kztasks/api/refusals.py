"""What the front refuses, as exceptions that carry what the client has to know.

KztasksError
├── NotFound
│   ├── UnknownTask            no such task in this account
│   ├── UnknownTaskKind        no app serves this category and action
│   ├── UnknownAccount         no such account
│   ├── MalformedAccount       that cannot be an account's id
│   ├── NoSuchFile             the task has no such CSV (yet)
│   │   └── FileExpired        it had one, which was kept for as long as is set
│   ├── UnknownApiKey          no account has this API key
│   ├── UnknownKey             there is no such public key
│   └── UnknownSchema          no message has this name
├── Conflict
│   └── TaskRefused            the scheduler says that the task's state forbids it
├── Invalid
│   ├── MissingKind            `category` or `action` is missing
│   ├── RefusedInput           the input does not fit the action
│   ├── BadField               one field of the request breaks a rule
│   ├── BadPageSize            `page_size` is no positive integer
│   ├── BodyTooLarge           the body is over a limit
│   └── UnsupportedContent     a content type or coding that is not read here
└── AccessRefused
    ├── NotAuthenticated       no token, or one that is not known
    │   └── ExpiredToken       it was good once
    ├── Forbidden              the account of the token may not do this
    └── AccountLocked          the account is disabled

Refusals that are about traffic rather than tasks are in `kztasks.api.limits.refusals`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum

from kztasks.domain.retention import Part
from kztasks.domain.task import Task
from kztasks.errors import Conflict, Invalid, KztasksError, NotFound


class UnknownTask(NotFound):
    """There is no such task in this account."""

    code = "unknown_task"

    def __init__(self, task_id: str) -> None:
        super().__init__(f"no task {task_id}")
        self.task_id = task_id


class UnknownTaskKind(NotFound):
    """No app serves this category and action; `word` is what Kazoo says in this place."""

    code = "unknown_category_action"

    def __init__(self, word: str = "unknown_category_action") -> None:
        super().__init__("no app serves this category and action")
        self.word = word


class UnknownAccount(NotFound):
    """There is no such account."""

    code = "unknown_account"

    def __init__(self, account_id: str) -> None:
        super().__init__(f"no account {account_id}")
        self.account_id = account_id


class MalformedAccount(NotFound):
    """This cannot be the id of an account."""

    code = "malformed_account"

    def __init__(self, account_id: str) -> None:
        super().__init__("an account id has 32 hexadecimal characters")
        self.account_id = account_id


class NoSuchFile(NotFound):
    """The task has no CSV of this name, or not yet."""

    code = "no_such_file"

    def __init__(self, task_id: str, name: str) -> None:
        super().__init__(f"task {task_id} has no {name}")
        self.task_id = task_id


class FileExpired(NoSuchFile):
    """The task had this CSV, or the log that it is made of, until the time to keep it was over."""

    code = "file_expired"


def missing_file(task: Task, name: str) -> NoSuchFile:
    """Why a task has no file of this name."""
    is_made_of_log = name == "out.csv" and Part.LOG in task.removed
    has_expired = Part.FILES in task.removed or is_made_of_log
    return FileExpired(task.id, name) if has_expired else NoSuchFile(task.id, name)


class UnknownApiKey(NotFound):
    """No account has this API key."""

    code = "unknown_api_key"

    def __init__(self, key: str) -> None:
        super().__init__("no account has this API key")
        self.key = key


class UnknownKey(NotFound):
    """There is no such public key."""

    code = "unknown_key"

    def __init__(self, key_id: str) -> None:
        super().__init__(f"no key {key_id}")
        self.key_id = key_id


class UnknownSchema(NotFound):
    """No message of the bindings protocol has this name."""

    code = "unknown_schema"

    def __init__(self, message_type: str) -> None:
        super().__init__(f"no message {message_type}")
        self.message_type = message_type


class TaskRefused(Conflict):
    """The scheduler refused to start, stop or remove the task."""

    code = "task_refused"

    def __init__(self, task_id: str, refusal: StrEnum) -> None:
        super().__init__(f"task {task_id}: {refusal}")
        self.task_id = task_id
        self.refusal = refusal


class NotEnded(Conflict):
    """The task has not ended yet, so which of its rows fail is not known."""

    code = "not_ended"

    def __init__(self, task_id: str) -> None:
        super().__init__(f"task {task_id} has not ended")
        self.task_id = task_id


class MissingKind(Invalid):
    """`category` and `action` must both be given in the query."""

    code = "missing_category_action"


class RefusedInput(Invalid):
    """The input does not fit the action; `problems` are Kazoo's keys, several at once."""

    code = "refused_input"

    def __init__(self, problems: Mapping[str, Sequence[str] | str]) -> None:
        super().__init__(", ".join(problems))
        self.problems = problems


class BadField(Invalid):
    """One field breaks one rule.

    Args:
        field: the field's name, dotted where it is nested.
        rule: the rule's name, such as `type` or `required`.
        message: a sentence for people.
        details: further keys beside the sentence.
    """

    code = "bad_field"

    def __init__(self, field: str, rule: str, message: str, **details: str | int | None) -> None:
        super().__init__(f"{field}: {message}")
        self.field = field
        self.rule = rule
        self.message = message
        self.details = details


class BadPageSize(Invalid):
    """`page_size` is not a positive integer."""

    code = "bad_page_size"


class BodyTooLarge(Invalid):
    """The body is over `limit` bytes."""

    code = "body_too_large"

    def __init__(self, limit: int) -> None:
        super().__init__(f"the body is over {limit} bytes")
        self.limit = limit


class UnsupportedContent(Invalid):
    """The body has a content type or coding that is not read here."""

    code = "unsupported_content"


class AccessRefused(KztasksError):
    """Who asks may not have this."""

    code = "access_refused"


class NotAuthenticated(AccessRefused):
    """There is no token, or it is not known."""

    code = "not_authenticated"


class ExpiredToken(NotAuthenticated):
    """The token was good once."""

    code = "expired_token"


class Forbidden(AccessRefused):
    """The account of the token may not do this."""

    code = "forbidden"


class AccountLocked(AccessRefused):
    """The account is disabled."""

    code = "account_locked"

    def __init__(self, account_id: str) -> None:
        super().__init__(f"account {account_id} is disabled")
        self.account_id = account_id
