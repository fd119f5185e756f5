"""An app is found by the name on the command line, or the sentence says why not."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tasks_bindings import App, DefinitionError
from tasks_bindings.sdk.load import load_app


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The present folder, empty; what is imported from it is forgotten afterwards."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    yield tmp_path
    sys.modules.pop("mine", None)


def test_an_app_of_the_present_folder_is_found(folder: Path) -> None:
    (folder / "mine.py").write_text("from tasks_bindings import App\napp = App('mine')\n")
    found = load_app("mine:app")
    assert isinstance(found, App)
    assert found.name == "mine"


def test_the_skeleton_app_is_found() -> None:
    assert load_app("apps.skel:app").action("skel", "id2") is not None


@pytest.mark.parametrize(
    ("target", "says"),
    [
        ("mine", "not of the form MODULE:APP"),
        (":app", "not of the form MODULE:APP"),
        ("mine:", "not of the form MODULE:APP"),
        ("absent:app", "no module 'absent' in "),
        ("mine:other", "mine has no App called 'other'"),
        ("mine:number", "mine has no App called 'number'"),
    ],
)
def test_what_is_no_app_is_refused_with_the_reason(folder: Path, target: str, says: str) -> None:
    (folder / "mine.py").write_text("number = 1\n")
    with pytest.raises(DefinitionError, match=says):
        load_app(target)


def test_an_import_that_an_app_lacks_is_named(folder: Path) -> None:
    (folder / "mine.py").write_text("import absent_library\n")
    with pytest.raises(DefinitionError, match="'absent_library'"):
        load_app("mine:app")


def test_the_command_line_tells_an_authors_mistake_without_a_traceback(folder: Path) -> None:
    (folder / "mine.py").write_text(
        "from tasks_bindings import Category\n"
        "cat = Category('cat')\n"
        "@cat.csv_action('act', description='A sample')\n"
        "def act(context, data, row): ...\n"
    )
    ran = subprocess.run(
        [sys.executable, "-m", "tasks_bindings", "mine:app"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 2
    assert "tasks.cat.act: a CSV task needs mandatory or optional columns" in ran.stderr
    assert "Traceback" not in ran.stderr


def test_the_command_line_tells_a_wrong_setting_without_a_traceback(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "mine.py").write_text("from tasks_bindings import App\napp = App('mine')\n")
    monkeypatch.setenv("KZTASKS_DRAIN_S", "long")
    ran = subprocess.run(
        [sys.executable, "-m", "tasks_bindings", "mine:app"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 2
    assert ran.stderr.startswith("KZTASKS_DRAIN_S: Input should be a valid number")
    assert "Traceback" not in ran.stderr
