"""Versions, change log and public names say the same."""

import ast
import importlib
import re
import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

ROOT = Path(__file__).parents[3]
PACKAGES = {"kztasks": ROOT / "src", "tasks_bindings": ROOT / "bindings"}
ENTRY = re.compile(r"^## \[(?P<name>[^\]]+)\](?: - \d{4}-\d{2}-\d{2})?$", re.MULTILINE)


def project(folder: Path) -> dict[str, object]:
    table: dict[str, object] = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
    return table


def entries() -> list[tuple[str, str]]:
    """The entries of the change log, newest first: name and text."""
    text = (ROOT / "CHANGELOG.md").read_text()
    marks = list(ENTRY.finditer(text))
    ends = [mark.start() for mark in marks[1:]] + [len(text)]
    return [
        (mark["name"], text[mark.end() : end].strip())
        for mark, end in zip(marks, ends, strict=True)
    ]


def public_packages() -> list[tuple[str, Path]]:
    return [
        (".".join(file.parent.relative_to(folder).parts), file)
        for name, folder in PACKAGES.items()
        for file in sorted((folder / name).rglob("__init__.py"))
    ]


def test_service_and_bindings_have_one_version() -> None:
    own, bindings = project(ROOT), project(ROOT / "bindings")

    assert own["version"] == bindings["version"]
    dependencies = own["dependencies"]
    assert isinstance(dependencies, list)
    assert f"kztasks-bindings=={bindings['version']}" in dependencies


def test_what_is_installed_is_what_the_project_says() -> None:
    assert version("kztasks") == project(ROOT)["version"]
    assert version("kztasks-bindings") == project(ROOT / "bindings")["version"]


def test_changelog_begins_with_what_is_not_released() -> None:
    assert entries()[0][0] == "Unreleased"


def test_version_is_the_newest_released_entry_or_the_one_that_is_being_written() -> None:
    current = Version(str(project(ROOT)["version"]))
    (_, unreleased), *rest = entries()
    released = [Version(name) for name, _ in rest]

    assert released == sorted(released, reverse=True)
    if current not in released:
        assert all(entry < current for entry in released)
        assert unreleased, f"nothing is said about {current}"
    else:
        assert released[0] == current


@pytest.mark.parametrize(("package", "file"), public_packages())
def test_every_name_that_a_package_takes_from_its_modules_is_in_its_all(
    package: str, file: Path
) -> None:
    taken = {
        alias.asname or alias.name
        for node in ast.parse(file.read_text()).body
        if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] in PACKAGES
        for alias in node.names
    }
    public = set(getattr(importlib.import_module(package), "__all__", ()))

    assert taken <= public


@pytest.mark.parametrize(("package", "_file"), public_packages())
def test_every_name_in_all_exists(package: str, _file: Path) -> None:
    module = importlib.import_module(package)

    assert [name for name in getattr(module, "__all__", ()) if not hasattr(module, name)] == []


@pytest.mark.parametrize("folder", [ROOT, ROOT / "bindings"], ids=["service", "bindings"])
def test_every_dependency_says_its_oldest_version(folder: Path) -> None:
    dependencies = project(folder)["dependencies"]
    assert isinstance(dependencies, list)
    loose = [
        name
        for name in dependencies
        if not any(part.operator in {">=", "=="} for part in Requirement(name).specifier)
    ]

    assert loose == []
