"""What `deploy` starts is there, with settings that are good and time enough to stop."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from typing import Final

import pytest
import typer
from typer.core import TyperGroup

from kztasks.cli.main import app
from kztasks.processes.http import END_S, REFUSE_S
from kztasks.settings import Settings
from tasks_bindings.bus.amqp.broker_url import checked_url
from tasks_bindings.sdk.load import load_app
from tasks_bindings.sdk.process import HOOKS_S
from tasks_bindings.settings import AppSettings
from tests.unit.deploy.exported import Exported
from tests.unit.deploy.sources import APP_INSTANCE, Process, processes, text_files

PROCESSES: Final = processes()
KNOWN: Final = {
    f"KZTASKS_{name.upper()}" for name in (*Settings.model_fields, *AppSettings.model_fields)
}
VARIABLE: Final = re.compile(r"KZTASKS_[A-Z][A-Z_]*[A-Z]")
QUOTED: Final = re.compile(r"`kztasks ([^`]+)`")
TYPED: Final = re.compile(r"^(?:.* -- |.* exec \w+ |)kztasks (\w+ .+)$", re.MULTILINE)
PLACEHOLDER: Final = re.compile(r"\{\{.*?\}\}")
LEAVING_S: Final = 5.0
"""So long a scheduler may take beside its drain: documents, its place in the cluster, sessions."""

each_process = pytest.mark.parametrize("process", PROCESSES, ids=[one.place for one in PROCESSES])


def settings_of(process: Process, monkeypatch: pytest.MonkeyPatch) -> Settings | AppSettings:
    """The settings as the process reads them."""
    for name, value in process.environment.items():
        monkeypatch.setenv(name, value)
    return AppSettings() if process.kind == "app" else Settings()


def rest_after_commands(words: Sequence[str]) -> tuple[object, str, list[str]]:
    """The command that the first words name, its last name, and the other words."""
    command: object = typer.main.get_command(app)
    name, rest = "kztasks", list(words)
    while isinstance(command, TyperGroup) and rest:
        name = rest.pop(0)
        command = command.get_command(typer.Context(command), name)
        assert command is not None, f"there is no command {name!r} in {' '.join(words)!r}"
    return command, name, rest


def test_each_kind_of_process_is_started_in_each_way() -> None:
    ways = {
        way: [one.kind for one in PROCESSES if one.place.startswith(way)]
        for way in ("systemd", "compose", "kubernetes")
    }
    assert {way: sorted(kinds) for way, kinds in ways.items()} == {
        way: ["api", "app", "scheduler"] for way in ways
    }


def test_every_variable_is_a_setting() -> None:
    named = {
        (path.name, variable)
        for path in text_files()
        for variable in VARIABLE.findall(path.read_text(encoding="utf-8"))
    }
    assert len(named) > 20
    assert [one for one in sorted(named) if one[1] not in KNOWN] == []


@each_process
def test_settings_are_accepted_and_the_broker_may_be_connected_to(
    process: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = settings_of(process, monkeypatch)
    assert {name for name in process.environment if name.startswith("KZTASKS_")} <= KNOWN
    assert checked_url(settings.amqp_url.get_secret_value(), insecure=settings.insecure_amqp)


@each_process
def test_the_command_is_there_and_takes_its_arguments(process: Process) -> None:
    command, name, rest = rest_after_commands(process.command)
    assert isinstance(command, typer.core.TyperCommand)
    command.make_context(name, list(rest))
    if process.kind == "app":
        assert load_app(*rest).name == APP_INSTANCE


def test_commands_that_texts_name_are_there() -> None:
    named = [
        PLACEHOLDER.sub("X", command)
        for path in text_files()
        for pattern in (QUOTED, TYPED)
        for command in pattern.findall(path.read_text(encoding="utf-8"))
    ]
    assert {"output retry --all", 'accounts add "My company"'} <= set(named)
    for command in named:
        rest_after_commands(shlex.split(command))


@each_process
def test_a_process_has_time_to_leave_before_it_is_killed(
    process: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = settings_of(process, monkeypatch)
    if process.kind == "api":
        assert isinstance(settings, Settings)
        needed_s = settings.http_leave_s + settings.http_drain_s + REFUSE_S + END_S
    elif process.kind == "scheduler":
        needed_s = settings.drain_s + LEAVING_S
    else:
        needed_s = settings.drain_s + HOOKS_S
    assert process.stop_s > needed_s


def test_probes_ask_a_port_and_a_path_that_are_served(
    exported: dict[str, Exported], monkeypatch: pytest.MonkeyPatch
) -> None:
    probed = [one for one in PROCESSES if one.probes]
    assert len(probed) == 6
    for process in probed:
        with monkeypatch.context() as patched:
            settings = settings_of(process, patched)
        if process.kind == "api":
            assert isinstance(settings, Settings)
            port: int | None = settings.http_port
        else:
            port = settings.ops_port
        assert {asked for asked, _ in process.probes} == {port}
        assert {path for _, path in process.probes} <= exported[process.kind].paths
