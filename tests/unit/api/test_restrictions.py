"""Which requests a restricted token is good for."""

from __future__ import annotations

from typing import Any

import pytest

from kztasks.api.identity.restrictions import MAX_RULES, restrictions_of
from kztasks.api.refusals import BadField


def allow(value: Any, method: str, path: str) -> bool:
    restrictions = restrictions_of(value)
    assert restrictions is not None
    return restrictions.allow(method, path)


@pytest.mark.parametrize(
    ("pattern", "path", "is_allowed"),
    [
        ("#", "tasks", True),
        ("#", "accounts/a/tasks/t/stop", True),
        ("accounts/a/tasks", "accounts/a/tasks", True),
        ("/accounts/a/tasks/", "accounts/a/tasks", True),
        ("accounts/a/tasks", "accounts/b/tasks", False),
        ("accounts/a/tasks", "accounts/a/tasks/t", False),
        ("accounts/a/tasks", "accounts/a/tasksx", False),
        ("accounts/*/tasks", "accounts/a/tasks", True),
        ("accounts/*", "accounts/a/tasks", False),
        ("*", "accounts", True),
        ("accounts/a/tasks/#", "accounts/a/tasks", True),
        ("accounts/a/tasks/#", "accounts/a/tasks/t/output", True),
        ("#/output", "accounts/a/tasks/t/output", True),
        ("#/output", "accounts/a/tasks/t/input", False),
        ("accounts/#/t/#", "accounts/a/tasks/t", True),
        ("accounts/#/x/#", "accounts/a/tasks/t", False),
        ("#/#/#", "accounts", True),
        ("#/*/#", "accounts", True),
        ("*/#/*", "accounts", False),
    ],
)
def test_a_path_is_matched_word_by_word(pattern: str, path: str, *, is_allowed: bool) -> None:
    assert allow({"get": [pattern]}, "GET", f"/v2/{path}") is is_allowed


def test_a_method_has_its_own_paths_and_those_of_all_methods() -> None:
    value = {"get": ["tasks"], "*": ["token_auth"], "PUT": ["api_auth"]}

    assert allow(value, "GET", "/v2/tasks")
    assert not allow(value, "PUT", "/v2/tasks")
    assert allow(value, "PUT", "/v2/api_auth")
    assert allow(value, "DELETE", "/v2/token_auth")


def test_nothing_outside_the_api_is_allowed() -> None:
    assert not allow({"*": ["#"]}, "GET", "/metrics")
    assert not allow({"*": ["#"]}, "GET", "/v2")


def test_no_rule_allows_nothing_and_no_restrictions_are_none() -> None:
    assert not allow({}, "GET", "/v2/tasks")
    assert not allow({"get": []}, "GET", "/v2/tasks")
    assert restrictions_of(None) is None


@pytest.mark.parametrize(
    "value",
    [
        [], "get", 1, {"get": "#"}, {"get": [1]}, {"get": [""]}, {"get": ["a b"]},
        {"head": ["#"]}, {"": ["#"]}, {"get": ["#"] * (MAX_RULES + 1)}, {"get": ["x" * 201]},
        {"get": ["x" * 200] * 11},
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_refused(value: Any) -> None:
    with pytest.raises(BadField):
        restrictions_of(value)


def test_the_longest_pattern_is_judged_at_once() -> None:
    assert not allow({"get": ["/".join("#*" * 30 + "#")]}, "GET", "/v2/" + "/".join("a" * 20))
