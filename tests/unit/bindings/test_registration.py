"""Mistakes in an app are refused while it is being imported; the sentence says what to change."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest

from tasks_bindings import App, Category, Context, DefinitionError, Replace, Row, Trigger, ok


def handler(context: Context, data: object, row: Row) -> object:
    return ok()


def call(context: Context, data: object) -> object:
    return ok(1)


def csv(**metadata: Any) -> None:
    Category("cat").csv_action("act", **{"description": "A sample", **metadata})(handler)


def refused(define: Callable[[], object], says: str) -> None:
    with pytest.raises(DefinitionError, match=says):
        define()


@pytest.mark.parametrize(
    ("metadata", "says"),
    [
        ({"optional": ["a"], "description": ""}, "give it a description"),
        ({"optional": ["a"], "description": " "}, "give it a description"),
        ({"optional": ["a"], "description": "x" * 256}, "description: .*255"),
        ({}, "needs mandatory or optional columns.*noinput_action"),
        ({"mandatory": ["a", "a"]}, "'a' is named twice; name it once"),
        ({"mandatory": ["a"], "optional": ["b", "a"]}, "'a' is named twice; name it once"),
        ({"mandatory": ["A"]}, "'A' has upper-case letters; lower them"),
        ({"optional": ["cnam.Inbound"]}, "upper-case"),
        ({"mandatory": [""]}, "column|mandatory"),
        ({"mandatory": [" a"]}, "starts with a dot or a space"),
        ({"mandatory": ["a*"]}, r"has \* or #"),
        ({"mandatory": "abc"}, r"mandatory: name the columns in a list, \['abc'\]"),
        ({"optional": "abc"}, r"optional: name the columns in a list, \['abc'\]"),
        ({"mandatory": [1]}, "mandatory"),
        ({"optional": ["a"], "on_crash": "retry"}, "on_crash: .*'stop' or 'continue'"),
        ({"optional": ["a"], "wait_after_row_ms": -1}, "wait_after_row_ms"),
        ({"optional": ["a"], "output_header": "abc"}, r"output_header: .*\['abc'\]"),
        ({"optional": ["a"], "output_header": []}, "output_header: .*at least one column"),
        ({"optional": ["a"], "output_header": Replace([])}, "output_header: .*at least one"),
        ({"optional": ["a"], "output_header": ["x", "x"]}, "output_header names 'x' twice"),
        ({"optional": ["a"], "output_header": ["x", ""]}, "output_header: .*empty"),
        ({"optional": ["a"], "output_header": [1]}, "output_header"),
        ({"optional": ["a"], "output_header": lambda: ["x"]}, r"output_header: .*\(action\)"),
    ],
)
def test_metadata_that_cannot_be_is_refused(metadata: dict[str, Any], says: str) -> None:
    refused(lambda: csv(**metadata), says)


def test_the_sentence_names_the_action() -> None:
    refused(lambda: csv(mandatory=["A"]), r"^tasks\.cat\.act: ")


@pytest.mark.parametrize("name", ["help", "output_header", "finish", "cleanup"])
def test_the_names_of_callbacks_are_no_names_of_actions(name: str) -> None:
    category = Category("cat")
    refused(
        lambda: category.csv_action(name, description="A sample", optional=["a"])(handler),
        "reserved for a callback; choose another name",
    )


@pytest.mark.parametrize("name", ["", "a.b", "a b", "a*", "#", "1a", "a" * 65, "é"])
def test_a_name_that_is_no_word_of_a_routing_key_is_refused(name: str) -> None:
    refused(lambda: Category(name), "category .*begin with a letter")
    refused(lambda: App(name), "app .*begin with a letter")
    category = Category("cat")
    refused(
        lambda: category.csv_action(name, description="A sample", optional=["a"])(handler),
        "action .*begin with a letter",
    )


@pytest.mark.parametrize("name", ["help", "triggers"])
def test_words_of_other_keys_are_no_names_of_categories(name: str) -> None:
    refused(lambda: Category(name), "reserved; choose another name")


@pytest.mark.parametrize("name", ["tasks", "apps"])
def test_first_words_of_keys_are_no_names_of_apps(name: str) -> None:
    refused(lambda: App(name), "reserved; choose another one")


def test_an_action_that_is_defined_twice_is_refused() -> None:
    category = Category("cat")
    category.csv_action("act", description="A sample", optional=["a"])(handler)
    refused(
        lambda: category.noinput_action("act", description="B", output_header=["a"])(call),
        r"tasks\.cat\.act is defined twice; keep one of them",
    )


def test_a_category_that_comes_twice_is_refused() -> None:
    refused(lambda: App("app", Category("cat"), Category("cat")), "category twice; name it once")


def test_an_app_runs_one_batch_at_least() -> None:
    refused(lambda: App("app", concurrency=0), "concurrency must be 1 or more")


@pytest.mark.parametrize(
    "wrong",
    [
        ok,
        lambda context: ok(),
        lambda context, data: ok(),
        lambda context, data, row, more: ok(),
        lambda context, data, *, row: ok(),
    ],
)
def test_a_handler_that_cannot_be_called_with_a_row_is_refused(wrong: Callable[..., Any]) -> None:
    category = Category("cat")
    refused(
        lambda: category.csv_action("act", description="A sample", optional=["a"])(wrong),
        r"tasks\.cat\.act: the handler must take \(context, data, row\)",
    )


def test_a_handler_of_a_task_without_input_takes_no_row() -> None:
    category = Category("cat")
    refused(
        lambda: category.noinput_action("act", description="A", output_header=["a"])(handler),
        r"must take \(context, data\)",
    )


def test_a_handler_that_yields_is_refused() -> None:
    def yields(context: Context, data: object, row: Row) -> Iterator[object]:
        yield ok()

    async def yields_too(context: Context, data: object, row: Row) -> AsyncIterator[object]:
        yield ok()

    for wrong in (yields, yields_too):
        category = Category("cat")
        refused(
            lambda category=category, wrong=wrong: category.csv_action(  # type: ignore[misc]
                "act", description="A sample", optional=["a"]
            )(wrong),
            "must return, not yield",
        )


@pytest.mark.parametrize(
    ("column", "says"),
    [
        ("finish", "is a callback"),
        ("help", "is a callback"),
        ("A", "upper-case"),
        ("", "empty"),
        ("a#", r"has \* or #"),
        ("act", "is the key of an action"),
        ("b", "has a verifier already"),
    ],
)
def test_a_verifier_that_would_never_be_asked_is_refused(column: str, says: str) -> None:
    category = Category("cat")
    category.csv_action("act", description="A sample", optional=["a"])(handler)
    category.verifier("b")(str.isdigit)
    refused(lambda: category.verifier(column)(str.isdigit), says)


def test_an_action_with_the_name_of_a_verified_column_is_refused() -> None:
    category = Category("cat")
    category.verifier("act")(str.isdigit)
    refused(
        lambda: category.csv_action("act", description="A sample", optional=["a"])(handler),
        "is the key of a verifier",
    )


def test_a_verifier_takes_one_cell() -> None:
    wrong: Callable[..., bool] = lambda: True  # noqa: E731
    refused(lambda: Category("cat").verifier("a")(wrong), r"must take \(cell\)")


def test_a_verifier_that_is_a_coroutine_is_refused_as_it_would_pass_every_cell() -> None:
    async def verify(cell: str) -> bool:
        return False

    refused(lambda: Category("cat").verifier("a")(verify), "plain function")


def test_a_trigger_function_takes_what_the_trigger_gives() -> None:
    app = App("app")
    refused(lambda: app.trigger(Trigger.MINUTE)(lambda database: None), r"must take \(\)")
    refused(lambda: app.trigger(Trigger.ACCOUNT)(lambda: None), r"must take \(database\)")


def test_a_trigger_function_is_bound_once_to_a_trigger() -> None:
    app = App("app")

    @app.trigger(Trigger.HOUR, Trigger.DAY)
    def clean() -> None: ...

    refused(lambda: app.trigger(Trigger.DAY)(clean), "bound to tasks.triggers.day already")


@pytest.mark.parametrize("hook", ["on_finish", "on_cleanup"])
def test_a_hook_takes_the_action_and_the_data_and_there_is_one(hook: str) -> None:
    category = Category("cat")
    action = category.csv_action("act", description="A sample", optional=["a"])(handler)
    bind = getattr(action, hook)
    refused(lambda: bind(lambda data: None), r"must take \(action, data\)")
    bind(lambda action, data: None)
    refused(lambda: bind(lambda action, data: None), "has such a hook already; keep one of them")


@pytest.mark.parametrize("hook", ["on_start", "on_stop"])
def test_a_hook_of_the_process_takes_the_environment(hook: str) -> None:
    refused(lambda: getattr(App("app"), hook)(lambda: None), r"must take \(environment\)")


def test_a_mistake_leaves_nothing_behind() -> None:
    category = Category("cat")
    refused(
        lambda: category.csv_action("act", description="A sample", optional=["a"])(lambda: None),
        "must take",
    )
    category.csv_action("act", description="A sample", optional=["a"])(handler)
    assert list(category.actions) == ["act"]


def test_kazoos_columns_with_dots_and_headers_with_capitals_are_fine() -> None:
    csv(optional=["cnam.inbound", "e911.name"], output_header=["Col1", "Col2"])


def test_an_action_can_be_called_like_the_function_that_it_was() -> None:
    category = Category("cat")
    action = category.csv_action("act", description="A sample", optional=["a"])(handler)
    assert action(None, None, {}) == ok()
