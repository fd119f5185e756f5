"""Cases that nobody has recorded: like those that were, and of their parts."""

from __future__ import annotations

from typing import Any, Final

from hypothesis import strategies as st

from kztasks.csvio import encode_rows
from tests.compatibility.original.case import Case, Verifier
from tests.compatibility.original.terms import Atom, Echo, Kill, Raise, StopTask, Tuple, pair
from tests.compatibility.recorded import CASES

_COLUMNS: Final = ("a", "b", "c", "error", "new", "zz")
_texts = st.sampled_from(
    ["", "1", "12", "x", " s ", 'q "q"', "a,b", "é€", "l1\nl2", "l1\r\n\nl2", "stop", "error"]
)
_cells = st.none() | _texts
_scalars = _texts | st.integers(-1, 300) | st.sampled_from([0.5, True, False, Atom("oops"), None])
_values = _scalars | st.lists(_scalars, max_size=3)
_data = st.sampled_from([0, 1, "x", None, [1, "x"], {"n": 1}, Atom("init"), Atom("stop")])
_named = st.dictionaries(st.sampled_from(_COLUMNS), _values, max_size=4)
_row = st.lists(_values, min_size=1, max_size=4).filter(lambda row: not isinstance(row[0], list))
_rows = st.lists(_row, min_size=1, max_size=3) | st.lists(_named, min_size=1, max_size=3)
_returned: st.SearchStrategy[Any] = _scalars | _row | _named | _rows | st.just([])


def _is_plain(script: Any) -> bool:
    """Whether a script needs nothing but itself."""
    if isinstance(script, Tuple) and script.items[0] == Atom("file"):
        return False
    return not isinstance(script, Kill | StopTask)


_recorded: Final = {
    repr(script): script
    for case, _ in CASES
    for script in (*case.returns, case.default_return)
    if _is_plain(script)
}
_scripts = st.one_of(
    st.sampled_from([*_recorded.values()]),
    st.builds(pair, _returned, _data),
    _returned,
    st.builds(Raise, st.sampled_from(["error", "throw", "exit"]), _data),
)
_columns = st.lists(st.sampled_from(_COLUMNS), min_size=1, max_size=4, unique=True)
_header = st.one_of(
    st.none(),
    *[_columns, st.builds(lambda columns: pair(Atom("replace"), columns), _columns)] * 2,
    st.sampled_from([[], pair(Atom("replace"), []), Raise("error", Atom("badarith")), "x"]),
)
_verifier = st.builds(
    Verifier,
    st.dictionaries(_texts, st.sampled_from([False, True, Raise("error", Atom("undef"))])),
    st.just(True),
)


@st.composite
def csv_cases(draw: st.DrawFn) -> Case:
    """A task with a CSV of up to six rows."""
    columns = draw(_columns)
    rows = draw(st.lists(_rows_of(len(columns)), min_size=2, max_size=6))
    known = draw(st.lists(st.sampled_from(("a", "b", "c", "d", "error")), unique=True))
    mandatory = known[: draw(st.integers(0, 1))]
    scripts = _scripts | st.builds(Echo, _data)
    returns = draw(st.lists(scripts, min_size=len(rows) - 1, max_size=len(rows)))
    return Case(
        name="generated",
        csv=encode_rows([[*columns], *rows]).decode(),
        mandatory=tuple(mandatory),
        optional=tuple(known[len(mandatory) :]),
        output_header=draw(_header),
        verifiers=draw(st.dictionaries(st.sampled_from(columns), _verifier)),
        returns=tuple(returns),
        default_return=Echo(9),
        finish=Atom("ok"),
        total_rows=len(rows),
    )


@st.composite
def noinput_cases(draw: st.DrawFn) -> Case:
    """A task without input that makes up to six calls."""
    return Case(
        name="generated",
        csv=None,
        output_header=draw(_header),
        returns=tuple(draw(st.lists(_scripts, min_size=2, max_size=6))),
        default_return=Atom("stop"),
        finish=Atom("ok"),
    )


def _rows_of(width: int) -> st.SearchStrategy[list[str | None]]:
    cells: st.SearchStrategy[str | None] = (
        _cells if width > 1 else _texts
    )  # an undefined cell alone is a blank line
    return st.lists(cells, min_size=width, max_size=width)
