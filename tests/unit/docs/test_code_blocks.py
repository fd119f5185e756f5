"""The Python in the documents for authors runs as it stands there.

A block whose first line is `# NAME.py` is that file; further blocks of the same name are added to
it. Other blocks run one after another, and see what the blocks before them defined. Functions
called `test_...` are run as well.
"""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[3]
DOCUMENTS: Final = ("bindings/README.md", "docs/write-an-app.md")
BLOCK: Final = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
FILE_NAME: Final = re.compile(r"# (\w+)\.py\n")


def blocks(document: Path) -> Iterator[tuple[int, str]]:
    """The Python blocks of a document, with the lines that they begin in."""
    text = document.read_text(encoding="utf-8")
    for found in BLOCK.finditer(text):
        yield text.count("\n", 0, found.start(1)) + 1, found.group(1)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty present folder; what is imported from it is forgotten afterwards."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    yield tmp_path
    for file in tmp_path.glob("*.py"):
        sys.modules.pop(file.stem, None)


def add_to_file(folder: Path, name: str, code: str) -> ModuleType:
    """Add a block to its file, and import the file anew."""
    file = folder / f"{name}.py"
    with file.open("a", encoding="utf-8") as opened:
        opened.write(code)
    sys.modules.pop(name, None)
    importlib.invalidate_caches()
    return importlib.import_module(name)


def run_tests(names: dict[str, object]) -> int:
    """Run the test functions among some names; how many there were."""
    tests = [value for name, value in names.items() if name.startswith("test_")]
    for test in tests:
        assert callable(test)
        test()
    return len(tests)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_block_of_a_document_runs(name: str, folder: Path) -> None:
    scratch = ModuleType("scratch")
    document, ran, tested = ROOT / name, 0, 0
    for line, code in blocks(document):
        file = FILE_NAME.match(code)
        if file is None:
            exec(compile("\n" * (line - 1) + code, document, "exec"), vars(scratch))
        else:
            module = add_to_file(folder, file.group(1), code)
            tested += run_tests(vars(module))
            vars(scratch).update(vars(module))
        ran += 1
    assert ran >= 5
    assert tested >= 1
