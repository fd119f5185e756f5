"""A task's final status follows from its counts as in the original (seed, "Task statuses")."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from kztasks.domain.status import TaskStatus, final_status

RECORDED = json.loads((Path(__file__).parent / "data" / "status.json").read_text())
"""What the original's own function says of finished tasks that nobody stopped."""


@pytest.mark.parametrize(
    ("total", "failed", "succeeded", "status"),
    [
        pytest.param(3, 0, 3, "success", id="every row succeeded"),
        pytest.param(3, 0, 4, "success", id="an action wrote more rows than it was given"),
        pytest.param(3, 3, 0, "failure", id="every row failed"),
        pytest.param(3, 1, 2, "partial", id="some failed"),
        pytest.param(3, 1, 0, "partial", id="it ended at a row that failed"),
        pytest.param(3, 0, 2, "partial", id="it ended before its last row"),
        pytest.param(3, 0, 0, "partial", id="it ended before its first row"),
        pytest.param(3, 4, 0, "internal_error", id="more failed than there are"),
        pytest.param(3, 1, 3, "internal_error", id="one failed though all succeeded"),
        pytest.param(3, 3, 1, "internal_error", id="one succeeded though all failed"),
        pytest.param(None, 0, 0, "success", id="no input, nothing counted"),
        pytest.param(None, 0, 7, "success", id="no input, none failed"),
        pytest.param(None, 7, 0, "failure", id="no input, none succeeded"),
        pytest.param(None, 1, 7, "partial", id="no input, some failed"),
    ],
)
def test_the_first_rule_that_fits_gives_the_status(
    total: int | None, failed: int, succeeded: int, status: str
) -> None:
    assert final_status(total=total, failed=failed, succeeded=succeeded) == status


def counts_of(vector: dict[str, Any]) -> dict[str, Any]:
    return {key: vector[key] for key in ("total", "failed", "succeeded")}


@pytest.mark.parametrize("vector", RECORDED, ids=lambda vector: str(counts_of(vector)))
def test_the_status_is_the_one_that_the_original_gives(vector: dict[str, Any]) -> None:
    assert final_status(**counts_of(vector)) == vector["status"]


@pytest.mark.parametrize("status", TaskStatus)
def test_a_task_has_ended_unless_it_is_pending_or_executing(status: TaskStatus) -> None:
    assert status.is_final == (status not in {"pending", "executing"})
