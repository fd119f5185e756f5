"""A JSON value as the text of a cell, as Kazoo writes it."""

from __future__ import annotations

import json
import math
from typing import Final

from kztasks.csvio.rows import Cell

_MOST_ZEROS: Final = 5
"""A float with more zeros between its digits and its point is written with an exponent."""


def cell_text(value: object) -> Cell:
    """What stands in a cell for a JSON value.

    Args:
        value: a string stays as it is; a number or a boolean is written out; a list is its items'
            texts joined by commas, and an object is its JSON text.

    Returns:
        The text, or None (an empty cell) for null, for what is not JSON, and for a list with an
        item that is null, a boolean or an object.
    """
    text: Cell = None
    match value:
        case str():
            text = value
        case bool():
            text = "true" if value else "false"
        case int():
            text = _int_text(value)
        case float():
            text = _float_text(value)
        case list():
            text = _list_text(value)
        case dict():
            text = _object_text(value)
    return text


def _int_text(value: int) -> Cell:
    try:
        return str(value)
    except ValueError:  # more digits than Python converts (sys.set_int_max_str_digits)
        return None


def _float_text(value: float) -> Cell:
    """The shortest digits that read back as `value`, laid out as Erlang's mochinum does."""
    if not math.isfinite(value):
        return None
    if value == 0:
        return "0.0"
    sign = "-" if value < 0 else ""
    digits, point = _digits(abs(value))
    if -_MOST_ZEROS <= point <= 0:
        return f"{sign}0.{'0' * -point}{digits}"
    if 0 < point <= len(digits) + _MOST_ZEROS:
        return f"{sign}{digits[:point].ljust(point, '0')}.{digits[point:] or '0'}"
    return f"{sign}{digits[0]}.{digits[1:] or '0'}e{point - 1:+d}"


def _digits(value: float) -> tuple[str, int]:
    """The digits of a positive number without zeros at either end, and where its point stands."""
    mantissa, _, exponent = repr(value).partition("e")
    whole, _, fraction = mantissa.partition(".")
    digits = (whole + fraction).lstrip("0")
    leading_zeros = len(whole + fraction) - len(digits)
    return digits.rstrip("0"), len(whole) - leading_zeros + int(exponent or "0")


def _list_text(values: list[object]) -> Cell:
    texts: list[str] = []
    waiting: list[object] = [values]  # not recursive: the nesting is as deep as a stranger likes
    while waiting:
        value = waiting.pop()
        if isinstance(value, list) and value:
            waiting += reversed(value)
            continue
        text = "" if value == [] else cell_text(value)
        if text is None or isinstance(value, dict | bool):
            return None
        texts.append(text)
    return ",".join(texts)


def _object_text(value: dict[object, object]) -> Cell:
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    except (TypeError, ValueError, RecursionError):
        return None
