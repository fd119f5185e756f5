"""Modules and functions that have outgrown their limits; exit status 1 if there are any.

    python tools/check_sizes.py [FILE ...]

Without arguments: every Python file of the project.
"""

import ast
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

MODULE_LINES: Final = 400
FUNCTION_LINES: Final = 60
"""From `def` to the last line, docstring included, decorators not."""

ROOT: Final = Path(__file__).parent.parent
FOLDERS: Final = ("src", "bindings", "apps", "tests", "tools")


def too_long(path: Path) -> Iterator[str]:
    """One sentence for each thing in a file that is over its limit."""
    source = path.read_text(encoding="utf-8")
    lines = len(source.splitlines())
    if lines > MODULE_LINES:
        yield f"{path}:1: the module has {lines} lines; the limit is {MODULE_LINES}"
    try:
        tree = ast.parse(source, filename=str(path))
    except SyntaxError as error:
        yield f"{path}:{error.lineno}: {error.msg}"
        return
    for node in ast.walk(tree):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        lines = (node.end_lineno or node.lineno) - node.lineno + 1
        if lines > FUNCTION_LINES:
            yield (
                f"{path}:{node.lineno}: `{node.name}` has {lines} lines; "
                f"the limit is {FUNCTION_LINES}"
            )


def main(arguments: Iterable[str]) -> int:
    """Print what is too long among the files, or among all; the exit status."""
    paths = [Path(argument) for argument in arguments] or [
        path for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*.py"))
    ]
    found = [sentence for path in paths for sentence in too_long(path)]
    for sentence in found:
        print(sentence)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
