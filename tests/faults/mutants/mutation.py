"""A guard that is taken away in a copy of the code, and the tests that have to turn red."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.faults.harness.summary import ROOT

FOLDERS: Final = ("src", "bindings")
PASSED, FAILED = 0, 1
"""Exit statuses of pytest; with any other one the tests were not run."""
MOST_S: Final = 150.0
"""For the tests of one guard; those of all guards, on code that is whole, take longer."""
WHOLE_S: Final = 900.0


@dataclass(frozen=True, slots=True)
class Mutation:
    """A guard, how to take it away, and who has to notice.

    Args:
        guard: what it is, in words.
        edits: (file, what stands there once, what stands there instead).
        tests: paths of tests, with `::` and a name; one of them red is enough.
    """

    guard: str
    edits: tuple[tuple[str, str, str], ...]
    tests: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of the tests without a guard."""

    mutation: Mutation
    status: int
    said: str

    @property
    def is_noticed(self) -> bool:
        """Whether a test was red."""
        return self.status == FAILED


def unfit(mutation: Mutation) -> list[str]:
    """Edits that do not fit the code as it is; empty if all do."""
    return [
        f"{mutation.guard}: {path} has {count} times {old!r}"
        for path, old, _ in mutation.edits
        if (count := (ROOT / path).read_text(encoding="utf-8").count(old)) != 1
    ]


class Tree:
    """A copy of the code that may be changed.

    Args:
        folder: an empty one.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        for name in FOLDERS:
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(ROOT / name, folder / name, ignore=ignored)

    async def try_out(self, mutation: Mutation) -> Outcome:
        """Run its tests without the guard, then put the guard back."""
        for path, old, new in mutation.edits:
            file = self._folder / path
            file.write_text(file.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")
        try:
            status, said = await self.run(mutation.tests)
        finally:
            for path, _, _ in mutation.edits:
                shutil.copyfile(ROOT / path, self._folder / path)
        return Outcome(mutation, status, said)

    async def run(self, tests: Sequence[str], most_s: float = MOST_S) -> tuple[int, str]:
        """Run tests on the copy as it is; pytest's exit status, and what it said.

        Tests that take more than `most_s` seconds have failed.
        """
        code = [str(self._folder / name) for name in FOLDERS]
        environment = {
            "PATH": os.environ["PATH"],  # noqa: TID251  (handed to a child)
            "HOME": str(self._folder),
            "PYTHONPATH": os.pathsep.join(code),
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *tests,
            cwd=ROOT,
            env=environment,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        try:
            async with asyncio.timeout(most_s):
                said, _ = await process.communicate()
        except TimeoutError:  # a test that hangs without the guard has noticed
            process.kill()
            await process.wait()
            return FAILED, f"not over in {most_s:g} s"
        return process.returncode or PASSED, said.decode(errors="replace")[-3000:]
