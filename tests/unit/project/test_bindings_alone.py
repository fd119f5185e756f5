"""The bindings are a product of their own: they need what they declare, and not the service."""

import json
import os
import subprocess
import sys
import venv
from importlib.metadata import distribution
from pathlib import Path
from typing import Final

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

BINDINGS: Final = Path(__file__).parents[3] / "bindings"

PROBE: Final = """
import importlib, json, pkgutil, sys
import tasks_bindings

for module in pkgutil.walk_packages(tasks_bindings.__path__, "tasks_bindings."):
    if not module.name.endswith("__main__"):
        importlib.import_module(module.name)

from tasks_bindings import App, Category, row
from tasks_bindings.testing import run_action

skel = Category("skel")

@skel.csv_action("upper", description="Upper case", mandatory=["name"])
def upper(context, data, args):
    return row([args["name"].upper()])

returns = run_action(App("skel", skel), "skel", "upper", "name\\nann\\nbob\\n").returns
print(json.dumps({
    "place": tasks_bindings.__file__,
    "returns": len(returns),
    "loaded": sorted({name.partition(".")[0] for name in sys.modules}),
}))
"""

NOT_NEEDED: Final = {"kztasks", "fastapi", "starlette", "uvicorn", "motor", "pymongo", "aiofiles"}


def closure(names: list[str]) -> set[str]:
    """These distributions and all that they declare to need, without extras."""
    found: set[str] = set()
    waiting = list(names)
    while waiting:
        name = canonicalize_name(waiting.pop())
        if name in found:
            continue
        found.add(name)
        for text in distribution(name).requires or ():
            requirement = Requirement(text)
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                waiting.append(requirement.name)
    return found


def link(name: str, site: Path) -> None:
    """Make an installed distribution visible in another folder of packages."""
    installed = distribution(name)
    tops = {file.parts[0] for file in installed.files or () if file.parts[0] != ".."}
    for top in tops - {"__pycache__"}:
        target = site / top
        if not target.exists():
            target.symlink_to(Path(str(installed.locate_file(top))))


def run(*command: str | Path, cwd: Path | None = None) -> str:
    environment = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/")}  # noqa: TID251
    done = subprocess.run(
        command, cwd=cwd, env=environment, check=False, capture_output=True, text=True, timeout=50
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Python that has the built bindings, the packages that they declare, and nothing else."""
    folder = tmp_path_factory.mktemp("alone")
    run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder, cwd=BINDINGS)
    venv.create(folder / "venv")
    interpreter = folder / "venv" / "bin" / "python"
    site = Path(run(interpreter, "-c", "import site; print(site.getsitepackages()[0])").strip())
    (wheel,) = folder.glob("*.whl")
    run(
        sys.executable,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-index",
        "--no-deps",
        "--no-compile",
        "--target",
        site,
        wheel,
    )
    for name in closure(["kztasks-bindings"]) - {"kztasks-bindings"}:
        link(name, site)
    return interpreter


def test_bindings_run_an_app_without_the_service_and_what_it_is_made_of(python: Path) -> None:
    """Installed alone, every module can be imported, and an action runs on a CSV."""
    seen = json.loads(run(python, "-I", "-c", PROBE))

    assert Path(seen["place"]).is_relative_to(python.parents[1])
    assert seen["returns"] == 2
    assert NOT_NEEDED & set(seen["loaded"]) == set()
