"""Commands that are imported when they are used.

A scheduler or an app that had the HTTP front in its memory would start half as quickly, and be
larger, for nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any, Final

from typer.core import TyperGroup
from typer.main import get_command

COMMANDS: Final = (
    "dev",
    "api",
    "scheduler",
    "app",
    "config",
    "accounts",
    "output",
    "triggers",
    "janitor",
    "asyncapi",
)


class CommandsOnDemand(TyperGroup):
    """The commands, each in the module of its name in `kztasks.cli.commands`."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002
        """Their names, in the order in which `--help` lists them."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002  (their types have no public name)
        """One of them, or `None` if there is none of this name."""
        if cmd_name not in COMMANDS:
            return None
        command = get_command(import_module(f"kztasks.cli.commands.{cmd_name}").command)
        command.name = cmd_name
        return command
