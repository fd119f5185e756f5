"""Each process imports what it needs, and every command is there."""

from __future__ import annotations

import subprocess
import sys
from typing import Final

import pytest
from typer.testing import CliRunner

from kztasks.cli.main import app
from kztasks.cli.on_demand import COMMANDS

FRONT: Final = ("fastapi", "starlette", "uvicorn", "kztasks.api")
SERVICE: Final = (*FRONT, "motor", "pymongo", "kztasks.scheduler", "kztasks.store")
LOADED: Final = """
import sys
from kztasks.cli.main import main
try:
    main()
finally:
    print("LOADED", *sys.modules)
"""


@pytest.mark.parametrize(("command", "unneeded"), [("scheduler", FRONT), ("app", SERVICE)])
def test_a_process_has_nothing_in_memory_that_it_does_not_need(
    command: str, unneeded: tuple[str, ...]
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", LOADED, command, "--help"],
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = done.stdout.rpartition("LOADED")[2].split()
    assert f"kztasks.cli.commands.{command}" in loaded
    assert [name for name in unneeded if name in loaded] == []


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_says_what_it_is_for(command: str) -> None:
    said = CliRunner().invoke(app, [command, "--help"], prog_name="kztasks")
    assert said.exit_code == 0
    assert f"kztasks {command}" in said.output


def test_all_commands_are_listed_and_no_other_is_there() -> None:
    listed = CliRunner().invoke(app, ["--help"], env={"COLUMNS": "200"}).output
    assert [name for name in COMMANDS if f"│ {name} " in listed] == list(COMMANDS)
    assert CliRunner().invoke(app, ["nothing"]).exit_code == 2
