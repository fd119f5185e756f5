"""Rules of small tasks, and whatever an app may send, for the tests of returns and batches."""

from __future__ import annotations

from typing import Any, Final

from hypothesis import strategies as st

from kztasks.csvio import Row
from kztasks.domain.header import csv_header, default_header, whole_header
from kztasks.domain.outcome import Rules

COLUMNS: Final = ("a", "b")
ROW: Final[Row] = ["1", "2"]

DEFAULT: Final = Rules(default_header(COLUMNS), COLUMNS)
"""No `output_header`: a, b, error."""
ADDED: Final = Rules(csv_header(COLUMNS, ("x", "error")), COLUMNS)
"""`output_header` returned ["x", "error"]: a, b, x, error."""
REPLACED: Final = Rules(whole_header(("b", "x", "error")), COLUMNS)
"""`output_header` returned {replace, ["b", "x", "error"]}."""
NOINPUT: Final = Rules(whole_header(("x", "y", "error")), None)
NOINPUT_NO_ERROR: Final = Rules(whole_header(("x", "y")), None)
ALL_RULES: Final = (
    DEFAULT,
    ADDED,
    REPLACED,
    NOINPUT,
    NOINPUT_NO_ERROR,
    Rules(csv_header(COLUMNS, ("x",)), COLUMNS),
    Rules(whole_header(("x",)), COLUMNS),
    Rules(default_header(("b", "c")), COLUMNS, ends_on_crash=False),
    Rules(default_header(()), None, ends_on_crash=False),
)

texts: Final = st.text(st.characters(), max_size=5)
"""Halves of surrogate pairs included: JSON can spell them."""
json_values: Final[st.SearchStrategy[Any]] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=8,
)
cells: Final = st.none() | st.sampled_from(["", "1", "x,y", 'q"', "line\nbreak", "é"])
names: Final = st.sampled_from(["a", "b", "x", "y", "error", "unknown"])

_row = st.lists(cells, max_size=4) | st.dictionaries(names, cells, max_size=4)
_shapes = st.one_of(
    st.just({"ok": True}),
    st.builds(lambda text: {"error": text}, texts),
    st.builds(lambda text: {"text": text}, texts),
    st.builds(lambda row: {"row": row}, _row),
    st.builds(lambda rows: {"rows": rows}, st.lists(_row, max_size=3)),
    st.builds(lambda columns: {"bad_fields": columns}, st.lists(names, max_size=2)),
    st.just({"crash": {"type": "ValueError", "message": ""}}),
    st.just({"stop": True}),
    st.just({"file": "/tmp/a"}),
    st.builds(lambda value: {"other": value}, texts | st.none() | st.integers()),
    st.builds(lambda value: {"other": value, "bare": True}, texts | st.none() | st.integers()),
)
_kinds = st.sampled_from(
    [
        *("ok", "error", "text", "row", "rows", "bad_fields"),
        *("crash", "stop", "file", "other", "bare", "next"),
    ]
)

honest_returns: Final = st.builds(
    lambda shape, following: {**shape, **following},
    _shapes,
    st.sampled_from([{}, {"next": "data"}] * 4 + [{"next": "stop"}]),
)
"""What the SDK sends."""
lies: Final = st.dictionaries(_kinds | texts, json_values, max_size=3)
"""What a broken or hostile app may send in its place."""
returns: Final = honest_returns | lies
