"""Pages of a list: how many, from where, and the opaque key of the next one."""

from __future__ import annotations

import base64
import binascii
import json
import re
from dataclasses import dataclass
from typing import Final

from kztasks.api.refusals import BadField, BadPageSize
from kztasks.domain.task import Task
from kztasks.store.filters import EVERYTHING, TaskFilter
from kztasks.store.interface import PageKey

_POSITIVE: Final = re.compile(r"[1-9][0-9]{0,8}")
_MAX_KEY_CHARS: Final = 200


@dataclass(frozen=True, slots=True)
class PageRequest:
    """So many tasks from `start` on; from the newest one without it."""

    size: int
    start: PageKey | None
    where: TaskFilter = EVERYTHING


@dataclass(frozen=True, slots=True)
class Page:
    """The tasks of a page, and where the next one begins, if there is one."""

    tasks: list[Task]
    following: PageKey | None


def page_request(
    size: str | None,
    start_key: str | None,
    *,
    default: int,
    most: int,
    where: TaskFilter = EVERYTHING,
) -> PageRequest:
    """Read `page_size` and `start_key`; a size over `most` is `most`.

    Raises:
        BadPageSize: the size is not a positive integer.
        BadField: the key is none that was given out.
    """
    if size is not None and _POSITIVE.fullmatch(size) is None:
        raise BadPageSize
    wanted = default if size is None else int(size)
    return PageRequest(min(wanted, most), decode_key(start_key) if start_key else None, where)


def encode_key(key: PageKey) -> str:
    """The key as clients see it."""
    content = json.dumps([key.created, key.task_id], separators=(",", ":"))
    return base64.urlsafe_b64encode(content.encode()).rstrip(b"=").decode()


def decode_key(text: str) -> PageKey:
    """The inverse of `encode_key`.

    Raises:
        BadField: it did not come from there.
    """
    if len(text) > _MAX_KEY_CHARS:
        raise _bad_key()
    try:
        padded = text.encode("ascii") + b"=" * (-len(text) % 4)
        created, task_id = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
    except (ValueError, TypeError, RecursionError, binascii.Error):
        raise _bad_key() from None
    if type(created) is not int or not 0 <= created < 2**63 or not isinstance(task_id, str):
        raise _bad_key()
    return PageKey(created, task_id)


def key_of(task: Task) -> PageKey:
    """Where a page that begins with this task begins."""
    return PageKey(task.created, task.id)


def _bad_key() -> BadField:
    return BadField("start_key", "invalid", "This is no start_key that was given out")
