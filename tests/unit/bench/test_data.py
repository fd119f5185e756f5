"""What must come out is what a plain csv reader and writer make of what goes in."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.apps.bench import app
from tests.bench.harness import data
from tests.bench.plain import plain_loop
from tests.bench.rivals import files
from tests.servers.cluster import id2_output, numbered_csv

ROWS = 2500


def by_csv(source: bytes, added: Callable[[dict[str, str]], list[str]], *header: str) -> bytes:
    reader = csv.reader(io.StringIO(source.decode(), newline=""))
    target = io.StringIO(newline="")
    writer = csv.writer(target, quoting=csv.QUOTE_ALL, lineterminator="\n")
    columns = next(reader)
    writer.writerow([*columns, *header])
    for cells in reader:
        writer.writerow(cells + added(dict(zip(columns, cells, strict=True))))
    return target.getvalue().encode()


def test_expected_outputs_are_those_of_the_csv_module() -> None:
    numbered, text = data.numbered(ROWS), data.text(ROWS)
    assert data.identity(ROWS) == by_csv(numbered, files.identity, "Col1", "Col2")
    assert data.text_identity(ROWS) == by_csv(text, files.identity, "Col1", "Col2")
    assert data.counted(ROWS) == by_csv(numbered, lambda row: [row["col1"][1:]], "number")


def test_the_suite_and_the_other_tests_agree_on_the_identity_task() -> None:
    assert data.numbered(ROWS) == numbered_csv(ROWS)
    assert data.identity(ROWS) == id2_output(ROWS)


def test_the_text_has_what_makes_text_hard() -> None:
    text = data.text(data.BLOCK).decode()
    assert text.partition("\n")[0].count(",") == 39
    assert '"San José, CA"' in text
    assert 'said ""call me back""' in text
    assert "東京" in text
    assert len(set(text.splitlines())) == data.BLOCK + 1


def test_a_text_of_a_size_is_near_it() -> None:
    assert len(data.text_of_size(2_000_000)) == pytest.approx(2_000_000, rel=0.02)


def test_the_plain_loop_runs_every_input_of_the_identity_task() -> None:
    assert plain_loop(data.numbered(10)) > 0
    assert plain_loop(data.text(10)) > 0


def test_a_rival_writes_what_kztasks_writes(tmp_path: Path) -> None:
    source, target = tmp_path / "in.csv", tmp_path / "out.csv"
    source.write_bytes(data.text(50))
    header, rows = files.read(source)
    added = (cells + files.identity(dict(zip(header, cells, strict=True))) for cells in rows)
    files.write(target, header, added)
    assert target.read_bytes() == data.text_identity(50)


def test_the_measured_app_offers_what_the_cases_ask_for() -> None:
    offered = {
        f"{category.name}.{action}" for category in app.categories for action in category.actions
    }
    assert {"skel.id2", "verified.id2", "bench.count", "bench.tenth_fails"} <= offered
