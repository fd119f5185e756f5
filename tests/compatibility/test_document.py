"""docs/compatibility.md says what is so."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import pytest

from tests.compatibility.counts import summary, table

ROOT: Final = Path(__file__).parents[2]
DOCUMENT: Final = (ROOT / "docs" / "compatibility.md").read_text()
NAMED: Final = sorted(set(re.findall(r"`(tests/\S+?\.py)::(\w+)`", DOCUMENT)))


def test_its_table_of_rules_has_the_rules_and_the_recorded_runs_that_they_change() -> None:
    assert f"\n{summary()}\n\n{table()}\n\n" in DOCUMENT


@pytest.mark.parametrize(("path", "test"), NAMED)
def test_each_test_that_it_names_is_there(path: str, test: str) -> None:
    assert re.search(rf"^(async )?def {test}\(", (ROOT / path).read_text(), re.MULTILINE)


def test_each_of_its_rows_says_what_became_of_the_seeds_rule_and_names_a_test() -> None:
    _, *sections = re.split(r"^\| the seed \| .*\n\|[-|]+\n", DOCUMENT, flags=re.MULTILINE)
    rows = [line for text in sections for line in text.split("\n\n")[0].splitlines()]
    assert len(rows) > 40
    for row in rows:
        _, _seed, verdict, _ours, test, _ = re.split(r" ?\| ?", row)
        assert verdict in {"kept", "mended", "ours"}, row
        assert re.fullmatch(r"`tests/\S+::\w+`", test), row
