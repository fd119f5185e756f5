"""What a batch's rows returned, as JSON, encoded while the batch runs.

So a batch that grows too large for a message ends early and answers with the rows that it has run,
and a cell that cannot be JSON crashes its own row.
"""

from __future__ import annotations

from typing import Final

import orjson

from tasks_bindings.wire.returns import Return

MAX_REPLY_BYTES: Final = 1024 * 1024
"""A batch whose returns have grown to this runs no further row."""
MAX_RETURN_BYTES: Final = 2 * 1024 * 1024
"""A single return over this is a crash of its row; no message could hold it beside others."""

_MAX_STRIDE: Final = 64
_LARGE_PART_BYTES: Final = 64 * 1024


class Encoder:
    """Encodes a growing list of returns, a few at a time.

    Small returns are encoded in strides that double, as each call costs; large ones one by one.
    """

    def __init__(self, returns: list[Return]) -> None:
        self._returns = returns
        self._parts: list[bytes] = []
        self._done = 0
        self._stride = 1
        self.size = 0
        """Bytes so far."""

    @property
    def is_due(self) -> bool:
        """Whether enough returns wait to be encoded."""
        return len(self._returns) - self._done >= self._stride

    def catch_up(self) -> int:
        """Encode what was added; how many of them had to be turned into a crash."""
        waiting = self._returns[self._done :]
        if not waiting:
            return 0
        part, crashed = _encode(waiting), 0
        if part is None or len(part) > MAX_RETURN_BYTES:
            checked = [_checked(one) for one in waiting]
            crashed = sum(new is not old for new, old in zip(checked, waiting, strict=True))
            self._returns[self._done :] = checked
            part = _encode(checked) or b"[]"
        self._stride = 1 if len(part) > _LARGE_PART_BYTES else min(self._stride * 2, _MAX_STRIDE)
        self._parts.append(part[1:-1])
        self._done = len(self._returns)
        self.size += len(part)
        return crashed

    def finish(self) -> bytes:
        """All returns as a JSON array."""
        self.catch_up()
        return b"[" + b",".join(self._parts) + b"]"


def _encode(returns: list[Return]) -> bytes | None:
    try:
        return orjson.dumps(returns, option=orjson.OPT_NON_STR_KEYS)
    except TypeError:
        return None


def _checked(returned: Return) -> Return:
    try:
        size = len(orjson.dumps(returned, option=orjson.OPT_NON_STR_KEYS))
    except TypeError as error:
        return _crash(f"a cell cannot be JSON: {error}")
    if size > MAX_RETURN_BYTES:
        return _crash(f"a return of {size} bytes; write fewer rows at once ({MAX_RETURN_BYTES})")
    return returned


def _crash(message: str) -> Return:
    return {"crash": {"type": "BadReturn", "message": message}}
