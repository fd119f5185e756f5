"""Node.js for tests of the sample app: whether it is there, and the app with what it depends on."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Final

import pytest

APP: Final = Path(__file__).resolve().parents[2] / "apps" / "node_words"
INSTALL_S: Final = 120.0
NO_REGISTRY: Final = ("ENOTFOUND", "EAI_AGAIN", "ECONNREFUSED", "ETIMEDOUT", "ECONNRESET")


def install(folder: Path) -> Path:
    """`npm ci` in a copy of the app; skips where there is no Node.js, npm or package registry."""
    for program in ("node", "npm"):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed, so the sample app in Node.js is not tested")
    copy = folder / "node_words"
    shutil.copytree(APP, copy, ignore=shutil.ignore_patterns("node_modules"))
    done = subprocess.run(
        ["npm", "ci", "--no-audit", "--no-fund"],
        cwd=copy,
        capture_output=True,
        text=True,
        timeout=INSTALL_S,
        check=False,
    )
    said = done.stdout + done.stderr
    if done.returncode != 0 and any(code in said for code in NO_REGISTRY):
        pytest.skip("no npm registry can be reached, so the sample app in Node.js is not tested")
    assert done.returncode == 0, said
    return copy
