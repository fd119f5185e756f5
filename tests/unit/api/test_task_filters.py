"""Kazoo's filters become conditions on fields, and nothing else gets through."""

from __future__ import annotations

import pytest

from kztasks.api.refusals import BadField
from kztasks.api.task_filters import MAX_CONDITIONS, MAX_VALUES, task_filter
from kztasks.store.filters import FIELDS, Condition, Relation, TaskFilter


def condition(name: str, value: str) -> Condition:
    (found,) = task_filter([(name, value)]).conditions
    return found


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("filter_pvt_status", "success", ("pvt_status", Relation.IS_ONE_OF, ("success",))),
        ("filter_status", "success", ("pvt_status", Relation.IS_ONE_OF, ("success",))),
        (
            "filter_status", '["success","partial"]',
            ("pvt_status", Relation.IS_ONE_OF, ("success", "partial")),
        ),
        ("filter_file_name", "[x", ("pvt_file_name", Relation.IS_ONE_OF, ("[x",))),
        ("filter_not_status", "pending", ("pvt_status", Relation.IS_NONE_OF, ("pending",))),
        ("filter_total_count", "5", ("pvt_total_rows", Relation.IS_ONE_OF, (5,))),
        ("filter_total_count", "[5, 6]", ("pvt_total_rows", Relation.IS_ONE_OF, (5, 6))),
        ("filter_stop_requested", "true", ("stop_requested", Relation.IS_ONE_OF, (True,))),
        ("filter_csvs", "out.csv", ("attachments", Relation.IS_ONE_OF, ("out.csv",))),
        ("has_key", "pvt_ended_at", ("pvt_ended_at", Relation.EXISTS, ())),
        ("has_value", "end_timestamp", ("pvt_ended_at", Relation.EXISTS, ())),
        ("key_missing", "pvt_started_at", ("pvt_started_at", Relation.IS_MISSING, ())),
        ("value_missing", "reason", ("reason", Relation.IS_MISSING, ())),
        ("missing_value", "reason", ("reason", Relation.IS_MISSING, ())),
        ("created_from", "63900000000", ("pvt_created", Relation.AT_LEAST, (63_900_000_000,))),
        ("created_to", "63900000000", ("pvt_created", Relation.AT_MOST, (63_900_000_000,))),
        ("modified_from", "1", ("pvt_modified", Relation.AT_LEAST, (1,))),
        ("modified_to", "1", ("pvt_modified", Relation.AT_MOST, (1,))),
    ],
)  # fmt: skip
def test_a_filter_is_read(
    name: str, value: str, expected: tuple[str, Relation, tuple[str | int, ...]]
) -> None:
    assert condition(name, value) == Condition(*expected)


def test_all_of_them_have_to_hold() -> None:
    found = task_filter([("filter_status", "a"), ("filter_category", "b"), ("page_size", "3")])

    assert [one.field for one in found.conditions] == ["pvt_status", "pvt_category"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("filter_nope", "x"),
        ("filter_owner.node", "x"),
        ("filter_$where", "1"),
        ("filter_pvt_status.$ne", "x"),
        ("filter_total_count", "many"),
        ("filter_stop_requested", "perhaps"),
        ("filter_status", "[]"),
        ("has_key", "nope"),
    ],
)
def test_a_field_that_no_task_has_or_a_value_that_none_can_have_matches_nothing(
    name: str, value: str
) -> None:
    assert task_filter([(name, value)]) == TaskFilter(is_empty=True)


@pytest.mark.parametrize(
    ("name", "value"),
    [("filter_not_nope", "x"), ("key_missing", "nope"), ("_", "1795539634337"), ("x", "y")],
)
def test_what_holds_for_every_task_narrows_nothing(name: str, value: str) -> None:
    assert task_filter([(name, value)]) == TaskFilter()


@pytest.mark.parametrize("value", ["", "yesterday", "1.5", "1e9", "-1", "1" + "0" * 12, "9" * 30])
def test_a_time_that_is_no_number_of_seconds_is_refused(value: str) -> None:
    with pytest.raises(BadField):
        task_filter([("created_from", value)])


def test_filters_and_their_values_are_bounded() -> None:
    with pytest.raises(BadField):
        task_filter([("filter_status", "a")] * (MAX_CONDITIONS + 1))
    with pytest.raises(BadField):
        task_filter([("filter_status", str(["a"] * (MAX_VALUES + 1)).replace("'", '"'))])


def test_a_deeply_nested_list_is_no_list() -> None:
    assert condition("filter_reason", "[" * 100_000).values == ("[" * 100_000,)


def test_no_field_can_be_taken_for_an_operator() -> None:
    assert not any(name.startswith("$") or "." in name for name in FIELDS)
