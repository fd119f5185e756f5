"""The document on crash points lists the code's, and a process dies at the one it is told to."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from tasks_bindings import crash_points

ROOT: Final = Path(__file__).parents[3]
LISTED: Final = re.compile(r"^\| `([a-z_]+:[a-z_]+)` \|", re.MULTILINE)
REACHED: Final = re.compile(r"\breached\(([^)]*)\)")
LITERAL: Final = re.compile(r'"([a-z_]+:[a-z_]+)"')
LEAST: Final = 40
PASS_TWICE: Final = """
from tasks_bindings.crash_points import arm, reached
arm("here:now:2")
for word in ("here:now", "there:now", "here:now", "here:now"):
    print(word, flush=True)
    reached(word)
"""


def calls() -> list[str]:
    """What `reached` is called with, in all modules that have the engine's code."""
    texts = [
        path.read_text(encoding="utf-8")
        for folder in ("src/kztasks", "bindings/tasks_bindings")
        for path in (ROOT / folder).rglob("*.py")
        if path.name != "crash_points.py"
    ]
    return [call for text in texts for call in REACHED.findall(text)]


def test_each_place_has_a_name_that_can_be_searched_for() -> None:
    assert all(LITERAL.fullmatch(call) for call in calls())


def test_the_document_lists_the_places_in_the_code() -> None:
    listed = LISTED.findall((ROOT / "docs" / "crash-points.md").read_text(encoding="utf-8"))
    named = {call.strip('"') for call in calls()}
    assert len(set(listed)) == len(listed) >= LEAST
    assert set(listed) == named


def test_a_process_dies_at_its_place_when_it_comes_there_for_the_nth_time() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PASS_TWICE], capture_output=True, text=True, check=False
    )
    assert done.stdout.split() == ["here:now", "there:now", "here:now"]
    assert done.returncode == crash_points.STATUS


@pytest.mark.parametrize("point", ["", "here", "here:0", "here:-1", "here:x", ":1"])
def test_a_place_without_a_number_is_refused(point: str) -> None:
    with pytest.raises(ValueError, match="NAME:N"):
        crash_points.arm(point)
