"""What the files in `deploy` say of the processes that they start."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

import yaml

ROOT: Final = Path(__file__).parents[3]
DEPLOY: Final = ROOT / "deploy"
SYSTEMD: Final = DEPLOY / "systemd"
KUBERNETES: Final = DEPLOY / "kubernetes"
APP_INSTANCE: Final = "skel"
SECONDS: Final = re.compile(r"(\d+)s?")
LOCAL_URL: Final = re.compile(r"http://127\.0\.0\.1:(\d+)(/\w+)")

UnitLine = tuple[str, str, str]
"""Section, key and value."""


@dataclass(frozen=True, slots=True)
class Process:
    """A process as one of the files starts it.

    Args:
        place: which file, and which part of it.
        command: the words after `kztasks`.
        environment: its variables; what is secret is made up.
        stop_s: seconds between SIGTERM and SIGKILL.
        probes: port and path of each probe.
    """

    place: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    stop_s: float
    probes: tuple[tuple[int, str], ...] = ()

    @property
    def kind(self) -> str:
        """`api`, `scheduler` or `app`."""
        return self.command[0]


def text_files() -> list[Path]:
    """Every file of the folder."""
    return sorted(path for path in DEPLOY.rglob("*") if path.is_file())


def env_file(path: Path) -> dict[str, str]:
    """The variables of a file of `NAME=value` lines."""
    lines = [line.strip() for line in path.read_text(encoding="utf-8").splitlines()]
    pairs = [line.partition("=") for line in lines if line and not line.startswith("#")]
    return {name: value for name, _, value in pairs}


def seconds(text: object) -> float:
    """A time such as `45s` or `45`."""
    found = SECONDS.fullmatch(str(text))
    assert found is not None, text
    return float(found[1])


# ---------------------------------------------------------------------------- systemd
def unit_lines(path: Path) -> list[UnitLine]:
    """The settings of a unit file, in their order."""
    found: list[UnitLine] = []
    section = ""
    for line in path.read_text(encoding="utf-8").splitlines():
        if header := re.fullmatch(r"\[(\w+)\]", line):
            section = header[1]
        elif line and not line.startswith("#"):
            key, equals, value = line.partition("=")
            assert section, f"{path.name}: {line!r} is in no section"
            assert equals, f"{path.name}: {line!r} is no setting"
            found.append((section, key, value))
    return found


def units() -> list[Path]:
    """The unit files."""
    return sorted(SYSTEMD.glob("*.service"))


def _of_unit(path: Path) -> Process:
    environment: dict[str, str] = {}
    values: dict[str, str] = {}
    for _, key, value in unit_lines(path):
        values[key] = value
        if key == "Environment":
            environment |= dict(pair.split("=", 1) for pair in shlex.split(value))
    # The file has the last word, as for systemd.
    name = Path(values["EnvironmentFile"].replace("%i", APP_INSTANCE)).name
    environment |= env_file(SYSTEMD / name)
    line = re.sub(r"\$\{(\w+)\}", lambda found: environment[found[1]], values["ExecStart"])
    program, *command = shlex.split(line)
    assert Path(program).name == "kztasks"
    return Process(
        f"systemd/{path.name}", tuple(command), environment, seconds(values["TimeoutStopSec"])
    )


# ---------------------------------------------------------------------------- compose
@cache
def compose() -> dict[str, Any]:
    """The compose file."""
    path = DEPLOY / "container" / "compose.yaml"
    content: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return content


def _of_compose() -> Iterator[Process]:
    for name, service in compose()["services"].items():
        if not service["image"].startswith("kztasks"):
            continue
        environment = {
            variable: re.sub(r"\$\{\w+:\?\}", "secret", str(value))
            for variable, value in service["environment"].items()
        }
        asked = LOCAL_URL.findall(" ".join(service["healthcheck"]["test"]))
        yield Process(
            f"compose/{name}",
            tuple(service["command"]),
            environment,
            seconds(service["stop_grace_period"]),
            tuple((int(port), path) for port, path in asked),
        )


# ---------------------------------------------------------------------------- Kubernetes
@cache
def manifest(name: str) -> list[dict[str, Any]]:
    """The documents of one file."""
    text = (KUBERNETES / name).read_text(encoding="utf-8")
    return list(yaml.safe_load_all(text))


def kustomization() -> dict[str, Any]:
    """What puts the manifests together."""
    (content,) = manifest("kustomization.yaml")
    return content


def resources() -> list[dict[str, Any]]:
    """All objects, as they stand in the files."""
    return [one for name in kustomization()["resources"] for one in manifest(name)]


def deployments() -> list[dict[str, Any]]:
    """The objects that run pods."""
    return [one for one in resources() if one["kind"] == "Deployment"]


def generated(kind: str) -> dict[str, dict[str, str]]:
    """Variables by the name of the ConfigMap or Secret; of secrets those of the examples."""
    found = {}
    for one in kustomization()[f"{kind}Generator"]:
        (file,) = one["envs"]
        example = ".example" if kind == "secret" else ""
        found[one["name"]] = env_file(KUBERNETES / f"{file}{example}")
    return found


def _of_kubernetes() -> Iterator[Process]:
    for deployment in deployments():
        pod = deployment["spec"]["template"]["spec"]
        (container,) = pod["containers"]
        environment: dict[str, str] = {}
        for source in container["envFrom"]:
            for reference, kind in (("configMapRef", "configMap"), ("secretRef", "secret")):
                if reference in source:
                    environment |= generated(kind)[source[reference]["name"]]
        ports = {port["name"]: port["containerPort"] for port in container["ports"]}
        probes = [part["httpGet"] for name, part in container.items() if name.endswith("Probe")]
        yield Process(
            f"kubernetes/{deployment['metadata']['name']}",
            tuple(container["args"]),
            environment,
            pod["terminationGracePeriodSeconds"],
            tuple((ports[probe["port"]], probe["path"]) for probe in probes),
        )


def processes() -> list[Process]:
    """All of them."""
    return [*map(_of_unit, units()), *_of_compose(), *_of_kubernetes()]
