"""The model in processes of its own, as many at once as there are cores."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from tests.faults.harness.summary import ROOT

CORES: Final = 2


@dataclass(frozen=True, slots=True)
class Said:
    """What one process found."""

    figures: dict[str, Any]
    errors: str

    @property
    def found(self) -> str | None:
        """The first sentence of what was wrong."""
        found: str | None = self.figures["found"]
        return found


async def run_all(arguments: Iterable[list[str]]) -> list[Said]:
    """Run the model once for each list of arguments; in the same order."""
    free = asyncio.Semaphore(CORES)

    async def one(these: list[str]) -> Said:
        async with free:
            return await _run(these)

    running = [asyncio.create_task(one(these)) for these in arguments]
    try:
        return list(await asyncio.gather(*running))
    finally:
        for each in running:
            each.cancel()
        await asyncio.wait(running)


async def _run(arguments: list[str]) -> Said:
    code = os.pathsep.join(map(str, (ROOT, ROOT / "src", ROOT / "bindings")))
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.faults.model", *arguments,
        cwd=ROOT,
        env={"PATH": os.defpath, "PYTHONPATH": code},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        out, errors = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    lines = out.decode().splitlines()
    said = next((line for line in reversed(lines) if line.startswith('{"')), None)
    assert said is not None, (out + errors).decode()[-3000:]
    return Said(json.loads(said), errors.decode() + out.decode())
