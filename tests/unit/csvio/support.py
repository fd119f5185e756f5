"""Reading a whole CSV in one call, in pieces of any size, down to its rows or its error."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise

from hypothesis import settings
from hypothesis import strategies as st

from kztasks.csvio import Cell, CsvError, CsvLimits, CsvReader, Header, Row, Rows


@dataclass(frozen=True, slots=True)
class Fault:
    """What an error says to a program."""

    kind: type[CsvError]
    line: int | None

    @classmethod
    def of(cls, error: CsvError) -> Fault:
        return cls(type(error), error.line)


@dataclass(slots=True)
class Outcome:
    """All that a reader says of an input."""

    names: list[str] | None = None
    header_size: int = 0
    rows: list[Row] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    next_line: int = 1
    fault: Fault | None = None
    sentence: str | None = None

    def add_header(self, header: Header) -> None:
        self.names = header.names
        self.header_size = header.size
        self.next_line = header.next_line

    def add_rows(self, rows: Rows) -> None:
        self.rows += rows.rows
        self.sizes += rows.sizes
        self.lines += rows.lines
        self.next_line = rows.next_line

    def add_error(self, error: CsvError) -> None:
        self.fault = Fault.of(error)
        self.sentence = str(error)


def read(
    pieces: Iterable[bytes],
    limits: CsvLimits | None = None,
    *,
    max_rows: int = 3,
    max_bytes: int | None = None,
) -> Outcome:
    """Read an input from its beginning, and take the rows after each piece."""
    reader = CsvReader(limits or CsvLimits())
    outcome = Outcome()
    try:
        for _ in fed(reader, pieces):
            if outcome.names is None and (header := reader.read_header()) is not None:
                outcome.add_header(header)
            while outcome.names is not None and reader.pending:
                outcome.add_rows(reader.take(max_rows, max_bytes))
    except CsvError as error:
        outcome.add_error(error)
    return outcome


def read_on(
    reader: CsvReader, pieces: Iterable[bytes], *, max_rows: int = 3, max_bytes: int | None = None
) -> Outcome:
    """Read rows with a reader that knows the header."""
    outcome = Outcome()
    try:
        for _ in fed(reader, pieces):
            while reader.pending:
                outcome.add_rows(reader.take(max_rows, max_bytes))
    except CsvError as error:
        outcome.add_error(error)
    return outcome


def fed(reader: CsvReader, pieces: Iterable[bytes]) -> Iterator[None]:
    """Feed the pieces one after the other and close; stops after each for the caller to read."""
    for piece in pieces:
        reader.feed(piece)
        yield
    reader.close()
    yield


def cut(data: bytes, positions: Iterable[int]) -> list[bytes]:
    """`data` in pieces that end at these positions."""
    ends = [0, *sorted(min(position, len(data)) for position in positions), len(data)]
    return [data[start:end] for start, end in pairwise(ends)]


unhurried = settings(max_examples=300)
"""For properties: how fast they run on a busy machine says nothing of the product."""

_MORSELS = ["\r", "\n", ",", '"', '""', "a", "b ", "é", "😀", "'", "\x85", "\u2028"]
_BAD_MORSELS = [b"\0", b"\xff", b"\xef\xbb\xbf", b"\xc3"]

csv_bytes = st.builds(
    lambda header, morsels: header + b"".join(morsels),
    st.sampled_from([b"", b"a\n", b'"a",b\r\n', b"\xef\xbb\xbfa,b\n"]),
    st.lists(
        st.one_of(
            st.sampled_from([morsel.encode() for morsel in _MORSELS]),
            st.sampled_from([b"1,2\r\n", b'"x","y"\n', b'"1\n2",\r\r', *_BAD_MORSELS]),
        ),
        max_size=40,
    ),
)
"""Bytes in which everything that matters to a CSV is frequent, the faults too."""

cell_texts = st.text(
    st.one_of(
        st.sampled_from('",\r\n \ufeff'), st.characters(exclude_characters="\0", codec="utf-8")
    ),
    max_size=12,
)


def tables() -> st.SearchStrategy[tuple[list[str], list[Row]]]:
    """A header and at least one row, as a writer may be given them."""

    def rows_of(width: int) -> st.SearchStrategy[tuple[list[str], list[Row]]]:
        cells: st.SearchStrategy[Cell] = cell_texts if width == 1 else st.none() | cell_texts
        names = st.lists(cell_texts.filter(bool), min_size=width, max_size=width)
        row = st.lists(cells, min_size=width, max_size=width)
        return st.tuples(names, st.lists(row, min_size=1, max_size=8))

    return st.integers(1, 5).flatmap(rows_of)
