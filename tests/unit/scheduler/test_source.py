"""Rows are looked at, left behind and found again: none is lost, none comes twice."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kztasks.csvio import CsvError, CsvReader, Row, encode_row, encode_rows
from kztasks.domain.task import InputFile
from kztasks.errors import NotFound
from kztasks.scheduler import source as source_module
from kztasks.scheduler.source import READ_BYTES, CallSource, CsvSource, Position
from tests.unit.scheduler.scripted import Read, ScriptedFiles, Step

HEADER = b"a,b\n"
START = Position(offset=len(HEADER), line=2, row=0)
LARGE = 10**9


@pytest.fixture(autouse=True, scope="module")
def _no_waiting() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(source_module, "FIRST_BACKOFF_S", 0.0)
        yield


def csv_source(
    files: ScriptedFiles, start: Position = START, *, max_bytes: int = LARGE
) -> CsvSource:
    file = InputFile(
        file_id="f", columns=("a", "b"), size=files.size, body_offset=4, body_line=2, sha256=""
    )
    return CsvSource(files, file, start, max_bytes=max_bytes)


def read_at_once(content: bytes) -> tuple[list[Row], list[Position]]:
    """All rows, and where each of them begins and the last one ends."""
    reader = CsvReader(width=2, line=START.line)
    reader.feed(content[START.offset :])
    reader.close()
    rows, positions, at = [], [START], START
    while not reader.at_end:
        taken = reader.take(1)
        rows += taken.rows
        at = Position(at.offset + taken.sizes[0], taken.next_line, at.row + 1)
        positions.append(at)
    return rows, positions


async def look(
    source: CsvSource, files: ScriptedFiles, skip: int, most: int
) -> tuple[list[Row], int]:
    """Look, and look again whenever a read had to be given up."""
    while True:
        files.hanging.clear()
        looking = asyncio.ensure_future(source.look(skip, most))
        hanging = asyncio.ensure_future(files.hanging.wait())
        await asyncio.wait({looking, hanging}, return_when=asyncio.FIRST_COMPLETED)
        hanging.cancel()
        if looking.done():
            rows, count = looking.result()
            assert rows is not None
            return rows, count
        looking.cancel()
        await asyncio.wait({looking})


cells = st.sampled_from(["1", "x,y", 'q"', "two\nlines", "", "é"])
tables = st.lists(st.lists(cells, min_size=2, max_size=2), min_size=1, max_size=20)
contents = tables.map(lambda table: HEADER + encode_rows(list(row) for row in table))
scripts: st.SearchStrategy[list[Step]] = st.lists(
    st.integers(1, 9) | st.sampled_from([Read.AWAY, Read.HANG]), max_size=30
)
moves = st.lists(
    st.tuples(st.integers(0, 5), st.integers(1, 5), st.integers(0, 9), st.booleans()), max_size=20
)


@given(content=contents, script=scripts, moves=moves, max_bytes=st.sampled_from([1, 20, LARGE]))
async def test_looking_and_leaving_behind_is_the_same_as_reading_at_once(
    content: bytes, script: list[Step], moves: list[tuple[int, int, int, bool]], max_bytes: int
) -> None:
    """Wherever pieces are cut, whatever is looked at ahead or forgotten, and if reads fail."""
    files = ScriptedFiles(content, script)
    source = csv_source(files, max_bytes=max_bytes)
    all_rows, positions = read_at_once(content)
    behind = 0
    for skip, most, leave, forgets in moves:
        rows, count = await look(source, files, skip, most)
        assert len(rows) == count <= most
        assert rows == all_rows[behind + skip :][:count]
        if not count:
            assert behind + skip >= len(all_rows)
        left = min(leave, skip + count, len(all_rows) - behind)
        behind += left
        assert source.advance(left) == positions[behind]
        if source.is_used_up:
            assert behind == len(all_rows)
        if forgets:
            source.forget()
            assert source.held_bytes == 0


@given(content=contents, script=scripts, data=st.data())
async def test_a_source_goes_on_from_any_position(
    content: bytes, script: list[Step], data: st.DataObject
) -> None:
    all_rows, positions = read_at_once(content)
    start = data.draw(st.sampled_from(positions))
    files = ScriptedFiles(content, script)
    source = csv_source(files, start)

    rows, count = await look(source, files, 0, 100)
    assert rows == all_rows[start.row :]
    assert source.advance(count) == positions[-1]


async def test_a_look_ahead_leaves_out_the_rows_that_are_being_run() -> None:
    files = ScriptedFiles(HEADER + b"1,2\n3,4\n5,6\n")
    source = csv_source(files)

    assert await source.look(0, 1) == ([["1", "2"]], 1)
    assert await source.look(1, 1) == ([["3", "4"]], 1)
    assert await source.look(1, 9) == ([["3", "4"], ["5", "6"]], 2)
    assert await source.look(3, 1) == ([], 0)


async def test_a_batch_ends_before_the_row_that_exceeds_its_bytes_but_holds_one() -> None:
    files = ScriptedFiles(HEADER + b"1,2\n" * 5)

    assert (await csv_source(files, max_bytes=8).look(0, 5))[1] == 2
    assert (await csv_source(files, max_bytes=1).look(0, 5))[1] == 1


async def test_no_more_is_read_than_the_batches_take() -> None:
    """A thousand rows of 100 KB are never in memory at once."""
    line = encode_row(["x" * 100_000, "y"])
    files = ScriptedFiles(HEADER + line * 100)
    source = csv_source(files, max_bytes=512 * 1024)

    _, count = await source.look(0, 1000)
    assert count == 5
    await source.look(count, 1000)
    assert files.bytes_read <= 2 * 512 * 1024 + 3 * READ_BYTES


async def test_a_read_that_fails_is_tried_again_from_where_the_last_one_ended() -> None:
    script: list[Any] = [Read.AWAY, Read.AWAY, 3, 2, Read.AWAY, Read.AWAY, 2]
    files = ScriptedFiles(HEADER + b"1,2\n3,4\n", script)
    source = csv_source(files)

    assert await source.look(0, 9) == ([["1", "2"], ["3", "4"]], 2)
    assert files.bytes_read == 8
    assert files.openings == 2


@pytest.mark.parametrize("fault", [b"5\n", b'5,"6\n'])
async def test_rows_before_a_fault_of_the_input_are_given_first(fault: bytes) -> None:
    files = ScriptedFiles(HEADER + b"1,2\n3,4\n" + fault)
    source = csv_source(files)

    assert await source.look(0, 9) == ([["1", "2"], ["3", "4"]], 2)
    assert source.advance(2) == Position(12, 4, 2)
    for _ in range(2):
        with pytest.raises(CsvError):
            await source.look(0, 9)


async def test_rows_that_were_read_are_given_before_it_shows_that_the_file_is_gone() -> None:
    files = ScriptedFiles(HEADER + b"1,2\n3,4\n", [4, 5, Read.GONE, Read.GONE])
    source = csv_source(files)

    assert await source.look(0, 9) == ([["1", "2"]], 1)
    source.advance(1)
    with pytest.raises(NotFound):
        await source.look(0, 9)


async def test_calls_without_input_never_end() -> None:
    source = CallSource(Position(0, 1, 7))

    assert await source.look(3, 100) == (None, 100)
    assert source.advance(100) == Position(0, 1, 107)
    assert source.advance(0) == Position(0, 1, 107)


async def test_a_source_holds_what_it_has_read_until_it_is_left_behind_or_forgotten() -> None:
    files = ScriptedFiles(HEADER + b"1,2\n" * 1000)
    source = csv_source(files)
    assert source.held_bytes == 0

    await source.look(0, 1000)
    whole = source.held_bytes
    assert whole > 1000 * 200  # a row of two small cells takes that much
    source.advance(500)
    assert source.held_bytes == whole / 2
    source.forget()
    assert source.held_bytes == 0
    assert await source.look(0, 1) == ([["1", "2"]], 1)


async def test_the_end_of_the_input_shows_without_a_look_unless_blank_lines_follow() -> None:
    for end, shows in ((b"", True), (b"\n\n", False)):
        source = csv_source(ScriptedFiles(HEADER + b"1,2\n3,4\n" + end))
        assert not source.is_used_up
        await source.look(0, 9)
        source.advance(1)
        assert not source.is_used_up
        source.advance(1)
        assert source.is_used_up is shows
        assert (await source.look(0, 9))[1] == 0
