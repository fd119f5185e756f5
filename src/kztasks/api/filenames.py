"""File names that strangers choose, made safe for a header."""

from __future__ import annotations

import re
import unicodedata
from typing import Final
from urllib.parse import quote

MAX_NAME_CHARS: Final = 150

_UNSAFE: Final = re.compile(r"[^A-Za-z0-9._ -]")
_DASHES: Final = re.compile(r"[\x00-\x1f\x7f-\x9f/\\\u2028\u2029\u202a-\u202e\u2066-\u2069]")


def attachment(name: str) -> str:
    """The value of `Content-Disposition` that has a client save a download as `name`.

    What could end the quotes, the header or the folder is replaced; a name that is not plain ASCII
    is given in both spellings (RFC 6266, section 5).

    Args:
        name: any text.
    """
    whole = unicodedata.normalize("NFC", name.encode("utf-8", "replace").decode())
    clean = _DASHES.sub("_", whole).strip(" .")[:MAX_NAME_CHARS] or "file.csv"
    plain = _UNSAFE.sub("_", clean)
    value = f'attachment; filename="{plain}"'
    return value if plain == clean else f"{value}; filename*=UTF-8''{quote(clean, safe='')}"
