"""The manifests fit each other, and pods may do no more than they need."""

from __future__ import annotations

from typing import Any, Final

import pytest

from tests.unit.deploy.sources import (
    DEPLOY,
    KUBERNETES,
    deployments,
    generated,
    kustomization,
    resources,
)

DEPLOYMENTS: Final = deployments()
NAMES: Final = [one["metadata"]["name"] for one in DEPLOYMENTS]

each_deployment = pytest.mark.parametrize("deployment", DEPLOYMENTS, ids=NAMES)


def of_kind(kind: str) -> list[dict[str, Any]]:
    return [one for one in resources() if one["kind"] == kind]


def pod_labels(deployment: dict[str, Any]) -> dict[str, str]:
    labels: dict[str, str] = deployment["spec"]["template"]["metadata"]["labels"]
    return labels


def container_of(deployment: dict[str, Any]) -> dict[str, Any]:
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    found: dict[str, Any] = container
    return found


def test_every_manifest_is_taken_up() -> None:
    files = {path.name for path in KUBERNETES.glob("*.yaml")} - {"kustomization.yaml"}
    assert set(kustomization()["resources"]) == files


def test_secrets_are_not_kept_here_but_examples_are() -> None:
    assert generated("secret").keys() == {"kztasks-service", "kztasks-app-skel"}
    assert "KZTASKS_MONGO_URL" not in generated("secret")["kztasks-app-skel"]
    ignored = (DEPLOY / ".gitignore").read_text(encoding="utf-8").splitlines()
    assert "/kubernetes/*-secret.env" in ignored
    for one in kustomization()["secretGenerator"]:
        assert all(name.endswith("-secret.env") for name in one["envs"])
    assert not [name for name in generated("configMap")["kztasks-settings"] if "URL" in name]


@each_deployment
def test_a_pod_is_restricted(deployment: dict[str, Any]) -> None:
    pod, container = deployment["spec"]["template"]["spec"], container_of(deployment)
    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert container["resources"]["limits"]["memory"]
    assert {one["name"] for one in container["volumeMounts"]} == {
        one["name"] for one in pod["volumes"]
    }


@each_deployment
def test_a_deployment_finds_its_pods_and_a_budget_keeps_some(deployment: dict[str, Any]) -> None:
    labels = pod_labels(deployment)
    assert deployment["spec"]["selector"]["matchLabels"] == labels
    budgets = [one["spec"] for one in of_kind("PodDisruptionBudget")]
    (budget,) = [one for one in budgets if one["selector"]["matchLabels"] == labels]
    assert budget["maxUnavailable"] < deployment["spec"]["replicas"]


@each_deployment
def test_images_and_settings_have_names_that_are_given(deployment: dict[str, Any]) -> None:
    container = container_of(deployment)
    assert container["image"] in {one["name"] for one in kustomization()["images"]}
    given = generated("configMap").keys() | generated("secret").keys()
    for source in container["envFrom"]:
        assert {reference["name"] for reference in source.values()} <= given


def test_the_service_leads_to_the_fronts() -> None:
    (service,) = of_kind("Service")
    (front,) = [one for one in DEPLOYMENTS if container_of(one)["args"] == ["api"]]
    assert service["spec"]["selector"] == pod_labels(front)
    named = {port["name"] for port in container_of(front)["ports"]}
    assert {port["targetPort"] for port in service["spec"]["ports"]} <= named


def test_a_front_that_leaves_is_seen_to_leave_before_its_port_is_closed() -> None:
    (front,) = [one for one in DEPLOYMENTS if container_of(one)["args"] == ["api"]]
    probe = container_of(front)["readinessProbe"]
    leave_s = float(generated("configMap")["kztasks-settings"]["KZTASKS_HTTP_LEAVE_S"])
    assert leave_s > probe["periodSeconds"] * probe["failureThreshold"]


def test_only_fronts_and_schedulers_reach_the_database() -> None:
    policies = [one["spec"] for one in of_kind("NetworkPolicy")]
    (everything,) = [one for one in policies if one["podSelector"] == {}]
    assert everything["policyTypes"] == ["Ingress", "Egress"]
    ports: dict[int, list[object]] = {}
    for policy in policies:
        for rule in policy.get("egress", []):
            for port in rule["ports"]:
                ports.setdefault(port["port"], []).append(policy["podSelector"])
    assert ports[5671] == [{}]
    (chosen,) = ports[27017]
    assert chosen == {
        "matchExpressions": [
            {
                "key": "app.kubernetes.io/component",
                "operator": "In",
                "values": ["api", "scheduler"],
            }
        ]
    }
