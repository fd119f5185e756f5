"""Metadata of tasks as they travel in a lookup's reply."""

from __future__ import annotations

from kztasks.kazoo.help import help_json, parse_help
from tasks_bindings.wire.messages import Metadata, OnCrash

FIND = Metadata(
    description="List the given numbers", doc="More", expected_content="text/csv",
    mandatory=("e164",),
)  # fmt: skip


def test_kazoos_five_keys_are_shown_even_when_the_lists_are_empty() -> None:
    shown = help_json({"number_management": {"find": FIND}})

    assert shown == {
        "number_management": {
            "find": {
                "description": "List the given numbers",
                "doc": "More",
                "expected_content": "text/csv",
                "mandatory": ["e164"],
                "optional": [],
            }
        }
    }


def test_our_own_keys_are_shown_only_where_they_are_set() -> None:
    metadata = FIND.model_copy(update={"on_crash": OnCrash.CONTINUE, "wait_after_row_ms": 0})

    shown = help_json({"c": {"a": metadata}})["c"]["a"]

    assert isinstance(shown, dict)
    assert shown["on_crash"] == "continue"
    assert shown["wait_after_row_ms"] == 0
    assert "stateless" not in shown


def test_a_noinput_task_shows_no_expected_content() -> None:
    assert "expected_content" not in str(help_json({"c": {"a": Metadata(description="d")}}))


def test_what_was_shown_is_read_back_as_it_was() -> None:
    whole = {"c": {"find": FIND, "list": Metadata(description="d", stateless=True)}}

    assert parse_help(help_json(whole)) == whole


def test_kazoos_word_for_no_input_is_understood() -> None:
    found = parse_help({"c": {"a": {"description": "d", "expected_content": "none"}}})

    assert found["c"]["a"].is_noinput


def test_metadata_that_cannot_be_understood_hides_that_action_alone() -> None:
    found = parse_help(
        {"c": {"bad": "text", "worse": {"mandatory": 5}, "good": {"description": "d"}}}
    )

    assert [*found["c"]] == ["good"]
