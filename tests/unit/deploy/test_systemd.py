"""The units are as systemd reads them, hardened, and stop their process in good order."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest

from tests.unit.deploy.sources import SYSTEMD, env_file, unit_lines, units

MUST: Final = {
    ("DynamicUser", "yes"),
    ("NoNewPrivileges", "yes"),
    ("ProtectSystem", "strict"),
    ("ProtectHome", "yes"),
    ("PrivateTmp", "yes"),
    ("CapabilityBoundingSet", ""),
    ("SystemCallFilter", "@system-service"),
    ("Restart", "always"),
    ("KillMode", "mixed"),
    ("KillSignal", "SIGTERM"),
    ("Type", "exec"),
}
OWN: Final = {
    "Description",
    "EnvironmentFile",
    "Environment",
    "ExecStart",
    "StateDirectory",
    "StateDirectoryMode",
    "TimeoutStopSec",
    "WorkingDirectory",
}
"""What the units differ in."""

each_unit = pytest.mark.parametrize("unit", units(), ids=[path.name for path in units()])


@each_unit
def test_sections_are_systemds_and_the_unit_can_be_enabled(unit: Path) -> None:
    lines = unit_lines(unit)
    assert list(dict.fromkeys(section for section, _, _ in lines)) == ["Unit", "Service", "Install"]
    assert ("Install", "WantedBy", "multi-user.target") in lines


@each_unit
def test_a_unit_is_hardened_and_started_again_for_ever(unit: Path) -> None:
    lines = unit_lines(unit)
    assert {("Service", key, value) for key, value in MUST} <= set(lines)
    assert ("Unit", "StartLimitIntervalSec", "0") in lines


def test_units_differ_in_what_they_run_alone() -> None:
    shared = [{line for line in unit_lines(unit) if line[1] not in OWN} for unit in units()]
    assert shared[0] == shared[1] == shared[2]


def test_output_that_was_not_stored_outlives_its_scheduler() -> None:
    lines = unit_lines(SYSTEMD / "kztasks-scheduler.service")
    (folder,) = [value for _, key, value in lines if key == "StateDirectory"]
    (environment,) = [value for _, key, value in lines if key == "Environment"]
    assert f"KZTASKS_OUTPUT_FOLDER=/var/lib/{folder}" in environment.split()


def test_an_app_is_not_told_where_the_database_is() -> None:
    files = [
        value
        for _, key, value in unit_lines(SYSTEMD / "kztasks-app@.service")
        if key == "EnvironmentFile"
    ]
    assert files == ["/etc/kztasks/app-%i.env"]
    assert "KZTASKS_MONGO_URL" not in env_file(SYSTEMD / "app-skel.env")


def test_what_makes_a_cluster_secure_is_in_the_example() -> None:
    example = env_file(SYSTEMD / "kztasks.env")
    assert example["KZTASKS_AMQP_URL"].startswith("amqps://")
    assert "tls=true" in example["KZTASKS_MONGO_URL"]
    assert {"KZTASKS_HTTP_METRICS_TOKEN", "KZTASKS_HTTP_TRUSTED_PROXIES"} <= set(example)
    assert example["KZTASKS_HTTP_HOST"] == "127.0.0.1"
