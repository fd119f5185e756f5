"""The lock files fit each other and the project."""

import re
import tomllib
from pathlib import Path
from typing import Final

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT: Final = Path(__file__).parents[3]
LOCKS: Final = {
    name: ROOT / "requirements" / f"{name}.txt" for name in ("run", "dev", "kazoo-sdk", "bench")
}
OURS: Final = {"kztasks", "kztasks-bindings"}


def pins(lock: str) -> dict[str, str]:
    """Version by name; a package that is locked twice for two platforms is a mistake here."""
    found: dict[str, str] = {}
    for line in LOCKS[lock].read_text().splitlines():
        if not line.startswith(" "):
            name, _, rest = line.partition("==")
            assert canonicalize_name(name) not in found
            found[canonicalize_name(name)] = rest.split()[0]
    return found


def project(folder: Path) -> dict[str, dict[str, object]]:
    return tomllib.loads((folder / "pyproject.toml").read_text())


def wanted() -> list[tuple[str, str]]:
    """Each requirement of the project, with the lock that has to meet it."""
    service, bindings = project(ROOT), project(ROOT / "bindings")
    groups = service["dependency-groups"]
    lists = [
        ("run", service["project"]["dependencies"]),
        ("run", bindings["project"]["dependencies"]),
        ("run", service["build-system"]["requires"]),
        ("run", groups["build"]),
        ("dev", groups["dev"]),
        ("kazoo-sdk", groups["kazoo-sdk"]),
        ("bench", groups["bench"]),
    ]
    extras = service["project"]["optional-dependencies"]
    assert isinstance(extras, dict)
    lists += [("run", requirements) for requirements in extras.values()]
    found = []
    for lock, requirements in lists:
        assert isinstance(requirements, list)
        found += [(lock, text) for text in requirements if isinstance(text, str)]
    return found


def test_what_runs_is_a_subset_of_what_is_tested_at_equal_versions() -> None:
    run, dev = pins("run"), pins("dev")

    assert {name: dev.get(name) for name in run} == run


@pytest.mark.parametrize(("lock", "requirement"), wanted())
def test_lock_meets_what_the_project_asks_for(lock: str, requirement: str) -> None:
    asked = Requirement(requirement)
    name = canonicalize_name(asked.name)
    if name in OURS:
        return

    assert asked.specifier.contains(pins(lock)[name], prereleases=True)


@pytest.mark.parametrize("lock", LOCKS)
def test_lock_names_no_package_index_and_no_other_place(lock: str) -> None:
    text = LOCKS[lock].read_text()

    assert re.findall(r"://|--(?:extra-)?index|--find-links|@ ", text) == []


@pytest.mark.parametrize("lock", LOCKS)
def test_every_locked_package_has_hashes(lock: str) -> None:
    blocks = re.split(r"\n(?=\S)", LOCKS[lock].read_text().strip())

    assert [block.splitlines()[0] for block in blocks if "--hash=sha256:" not in block] == []
