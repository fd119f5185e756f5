"""The image runs as nobody in particular; the compose file has no password of its own."""

from __future__ import annotations

import json
import re
from typing import Final

import pytest

from tests.unit.deploy.sources import DEPLOY, ROOT, compose

CONTAINERFILE: Final = (DEPLOY / "container" / "Containerfile").read_text(encoding="utf-8")
COMPOSE: Final = (DEPLOY / "container" / "compose.yaml").read_text(encoding="utf-8")
SECRET: Final = re.compile(r"PASS|KEY|TOKEN|_URL$")
STAGE: Final = re.compile(r"^FROM (\S+) AS ([a-z-]+)$", re.MULTILINE)


def instructions(name: str) -> list[str]:
    return re.findall(rf"^{name} (.+)$", CONTAINERFILE, re.MULTILINE)


def test_what_is_copied_is_there_and_sent_to_the_build() -> None:
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    sent = {line.removeprefix("!") for line in ignored if line.startswith("!")}
    copied = [
        source
        for line in instructions("COPY")
        if not line.startswith("--from")
        for source in line.split()[:-1]
    ]
    assert len(copied) > 4
    for source in copied:
        assert (ROOT / source).exists()
        assert source.split("/")[0] in sent


def test_packages_are_those_of_the_lock_file() -> None:
    (packages, own) = [line for line in instructions("RUN") if "pip install" in line]
    assert "--require-hashes --requirement requirements/run.txt" in packages
    assert {"--no-index", "--no-deps", "./bindings", "."} <= set(own.split())


def test_the_process_is_nobody_and_gets_signals_itself() -> None:
    users = instructions("USER")
    assert users
    assert all(re.fullmatch(r"[1-9]\d*:[1-9]\d*", user) for user in users)
    assert [json.loads(one) for one in instructions("ENTRYPOINT")] == [["kztasks"]]
    assert [json.loads(one) for one in instructions("CMD")]  # no shell in these either


def test_stages_that_compose_builds_are_there() -> None:
    stages = {name for _, name in STAGE.findall(CONTAINERFILE)}
    services = compose()["services"].values()
    assert {one["build"]["target"] for one in services if "build" in one} <= stages
    for one in services:
        if "build" in one:
            folder = (DEPLOY / "container" / one["build"]["context"]).resolve()
            assert (folder, (folder / one["build"]["dockerfile"]).exists()) == (ROOT, True)


def test_secrets_come_from_a_file_that_is_not_kept_here_and_that_the_readme_makes() -> None:
    for name, service in compose()["services"].items():
        for variable, value in service.get("environment", {}).items():
            if SECRET.search(variable):
                assert re.search(r"\$\{\w+:\?\}", str(value)), f"{name}: {variable}"
    (made,) = re.findall(r"for name in ([A-Z_ ]+);", (DEPLOY / "README.md").read_text("utf-8"))
    assert set(made.split()) == set(re.findall(r"(?<!\$)\$\{(\w+):\?\}", COMPOSE))
    assert "/container/.env" in (DEPLOY / ".gitignore").read_text("utf-8").splitlines()


@pytest.mark.parametrize("name", sorted(compose()["services"]))
def test_every_service_is_watched_and_comes_back(name: str) -> None:
    service = compose()["services"][name]
    assert service["healthcheck"]["test"]
    assert service["restart"] == "unless-stopped"
    if service["image"].startswith("kztasks"):
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
    else:
        assert re.search(r":\d", service["image"]), "a version is named"


def test_there_are_two_schedulers_and_the_clear_broker_is_in_a_network_of_its_own() -> None:
    content = compose()
    assert content["services"]["scheduler"]["deploy"]["replicas"] == 2
    assert content["networks"]["inside"] == {"internal": True}
    assert content["services"]["rabbitmq"]["networks"] == ["inside"]
    assert content["services"]["api"]["ports"] == ["127.0.0.1:8000:8000"]
