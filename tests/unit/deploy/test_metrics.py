"""Alerts and the dashboard ask for what the processes tell Prometheus, where it finds them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, Final

import pytest
import yaml

from kztasks.domain.firing import FiringOutcome
from kztasks.settings import Settings
from tests.unit.deploy import promql
from tests.unit.deploy.exported import Exported, Metrics
from tests.unit.deploy.sources import DEPLOY, ROOT, deployments, env_file, processes
from tools.check_links import HEADING, anchor, prose

TARGET_LABELS: Final = {"job", "instance"}
"""Which Prometheus itself gives to every sample."""
ENDING: Final = re.compile(r"_(total|bucket|count|sum)$")
"""Of a sample; the rest is its metric's name."""
FIRING: Final = re.compile(r"\$labels\.(\w+)")
LEGEND: Final = re.compile(r"\{\{\s*(\w+)\s*\}\}")


def loaded(path: str) -> Any:
    text = (DEPLOY / path).read_text(encoding="utf-8")
    return json.loads(text) if path.endswith(".json") else yaml.safe_load(text)


def alerts() -> list[dict[str, Any]]:
    return [rule for group in loaded("prometheus/alerts.yml")["groups"] for rule in group["rules"]]


def panels() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = loaded("grafana/kztasks.json")["panels"]
    return found


def expressions() -> Iterator[tuple[str, str, set[str]]]:
    """Where it stands, the expression, and the labels that its words to people name."""
    for alert in alerts():
        words = " ".join(alert["annotations"].values())
        yield alert["alert"], alert["expr"], set(FIRING.findall(words))
    for panel in panels():
        for target in panel["targets"]:
            yield panel["title"], target["expr"], set(LEGEND.findall(target["legendFormat"]))


def jobs(file: str) -> dict[str, dict[str, Any]]:
    return {job["job_name"]: job for job in loaded(f"prometheus/{file}")["scrape_configs"]}


@pytest.fixture
def metrics(exported: dict[str, Exported]) -> Metrics:
    """The samples of all processes."""
    found: Metrics = {"up": set()}
    for of_process in exported.values():
        found |= {name: labels | TARGET_LABELS for name, labels in of_process.metrics.items()}
    found["up"] |= TARGET_LABELS
    return found


def test_an_expression_is_taken_apart() -> None:
    text = 'sum by (le, a) (rate(b_total{c=~"x|y", d!="z"}[5m])) > 0.5 or e unless e offset 1h'
    assert promql.read(text) == promql.Expression(
        frozenset({"b_total", "e"}),
        frozenset({("b_total", "c"), ("b_total", "d")}),
        frozenset({"le", "a"}),
        frozenset({("b_total", "c", "x|y"), ("b_total", "d", "z")}),
    )


def test_metrics_of_all_processes_are_known_with_their_labels(metrics: Metrics) -> None:
    assert len(metrics) > 60
    assert metrics["kztasks_turns"] == {"app", "state"} | TARGET_LABELS
    assert metrics["kztasks_trigger_calls_total"] == {"trigger", "app", "outcome"} | TARGET_LABELS
    assert "le" in metrics["kztasks_event_loop_lag_seconds_bucket"]


def test_every_metric_and_label_is_exported(metrics: Metrics) -> None:
    asked = list(expressions())
    assert len(asked) > 30
    for place, text, told in asked:
        found = promql.read(text)
        unknown = found.metrics - metrics.keys()
        assert not unknown, f"{place}: nobody exports {sorted(unknown)}"
        for metric, label in found.matched:
            assert label in metrics[metric], f"{place}: {metric} has no label {label}"
        there = set[str]().union(*(metrics[metric] for metric in found.metrics))
        assert found.grouped | told <= there, place


def test_the_guide_names_every_metric_and_no_other(metrics: Metrics) -> None:
    text = (ROOT / "docs" / "run-a-cluster.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`((?:kztasks_|http_server_)\w+)(?:\{[\w,]*\})?`", text))
    there = {ENDING.sub("", name) for name in metrics} - {"up"}
    assert named == there


def test_values_that_expressions_name_are_there(exported: dict[str, Exported]) -> None:
    values: dict[str, set[str]] = {
        "job": set(jobs("scrape.yml")),
        "outcome": {one.value for one in FiringOutcome},
        "state": {"limit", "out", "waiting"},
        "reason": {"delivery_limit", "expired", "rejected"},
        "http_route": set(exported["api"].paths),
        "http_response_status_code": {"500"},
    }
    for place, text, _ in expressions():
        for metric, label, pattern in promql.read(text).values:
            known = values[label]
            for part in [pattern] if "(" in pattern else pattern.split("|"):
                assert any(re.fullmatch(part, one) for one in known), (place, metric, label, part)


def test_there_are_some_alerts_and_each_tells_what_to_do() -> None:
    found = alerts()
    assert 8 <= len({alert["alert"] for alert in found}) == len(found) <= 12
    for alert in found:
        said = alert["annotations"]
        assert alert["labels"]["severity"] in {"critical", "warning"}
        assert said["summary"]
        assert said["description"]
        document, _, section = said["runbook"].partition("#")
        assert section in {anchor(one) for one in HEADING.findall(prose(ROOT / document))}


def test_every_alert_is_tested() -> None:
    text = (DEPLOY / "prometheus" / "alerts.test.yml").read_text(encoding="utf-8")
    assert loaded("prometheus/alerts.test.yml")["rule_files"] == ["alerts.yml"]
    assert set(re.findall(r'alertname="(\w+)"', text)) == {alert["alert"] for alert in alerts()}


def test_panels_have_names_and_places_of_their_own() -> None:
    found = panels()
    variables = [one["name"] for one in loaded("grafana/kztasks.json")["templating"]["list"]]
    assert len({panel["id"] for panel in found}) == len(found)
    assert len({panel["title"] for panel in found}) == len(found)
    places = {
        (x, y)
        for panel in found
        for place in [panel["gridPos"]]
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    }
    assert len(places) == sum(one["gridPos"]["w"] * one["gridPos"]["h"] for one in found)
    assert max(x for x, _ in places) < 24
    assert {panel["datasource"]["uid"] for panel in found} == {f"${{{variables[0]}}}"}


def test_prometheus_finds_what_is_started_on_machines() -> None:
    found = jobs("scrape.yml")
    started = {one.kind: one.environment for one in processes() if one.place.startswith("systemd")}
    ports = {
        "kztasks-api": int(started["api"]["KZTASKS_HTTP_PORT"]),
        "kztasks-scheduler": int(started["scheduler"]["KZTASKS_OPS_PORT"]),
        "kztasks-app": int(started["app"]["KZTASKS_OPS_PORT"]),
    }
    assert ports["kztasks-api"] == Settings().http_port
    assert {name: targets_ports(job) for name, job in found.items()} == {
        name: {port} for name, port in ports.items()
    }


def targets_ports(job: dict[str, Any]) -> set[int]:
    return {
        int(one.rpartition(":")[2]) for part in job["static_configs"] for one in part["targets"]
    }


def test_prometheus_finds_what_is_started_on_kubernetes() -> None:
    found = jobs("scrape-kubernetes.yml")
    assert set(found) == set(jobs("scrape.yml"))
    kept = {job["relabel_configs"][0]["regex"] for job in found.values()}
    assert kept == {
        f"{template['metadata']['labels']['app.kubernetes.io/component']};{port['name']}"
        for deployment in deployments()
        for template in [deployment["spec"]["template"]]
        for container in template["spec"]["containers"]
        for port in container["ports"]
    }


def test_a_front_on_another_machine_gives_its_metrics_to_who_has_the_token() -> None:
    assert "KZTASKS_HTTP_METRICS_TOKEN" in env_file(DEPLOY / "systemd" / "kztasks.env")
    for file in ("scrape.yml", "scrape-kubernetes.yml"):
        with_token = {name for name, job in jobs(file).items() if "authorization" in job}
        assert with_token == {"kztasks-api"}
