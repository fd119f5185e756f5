"""`kztasks config`: what is set."""

from __future__ import annotations

import typer
from rich.console import Console
from rich.table import Table

from kztasks.cli.process import settings_or_exit
from kztasks.run_time import RunTimeSettings
from kztasks.settings import Settings
from tasks_bindings.environment import FILE_SUFFIX, secrets_of

command = typer.Typer(add_completion=False)


@command.command()
def config() -> None:
    """List every setting with its value, default and meaning; secrets are masked."""
    settings = settings_or_exit({})
    table = Table("variable", "value", "default", "meaning")
    for name, field in Settings.model_fields.items():
        default = field.get_default(call_default_factory=True)
        value = getattr(settings, name)
        table.add_row(f"KZTASKS_{name.upper()}", str(value), str(default), field.description or "")
    for name, field in RunTimeSettings.model_fields.items():
        table.add_row(f"tasks.{name}", "(database)", str(field.default), field.description or "")
    console = Console()
    console.print(table)
    named = ", ".join(f"{one}{FILE_SUFFIX}" for one in secrets_of(Settings))
    console.print(f"A secret may be in a file instead: {named}", highlight=False, soft_wrap=True)
