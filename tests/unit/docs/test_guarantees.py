"""The tests that the document on guarantees names are there."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[3]
NAMED: Final = re.compile(r"`(test_\w+\.py)::(test_\w+)`")
DOCUMENT: Final = (ROOT / "docs" / "guarantees.md").read_text(encoding="utf-8")


def functions_of(path: Path) -> set[str]:
    nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    return {node.name for node in nodes if isinstance(node, functions)}


@pytest.mark.parametrize(("module", "test"), sorted(set(NAMED.findall(DOCUMENT))))
def test_a_test_that_is_named_exists(module: str, test: str) -> None:
    modules = (ROOT / "tests").rglob(module)
    assert any(test in functions_of(path) for path in modules)


def test_every_promise_names_its_test() -> None:
    promises = [line for line in DOCUMENT.splitlines() if line.startswith("| ") and "`" in line]
    assert promises
    assert all(NAMED.search(line) for line in promises)
