"""The rules of docs/protocol.md, asked of the app in Node.js by a stranger with plain messages."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from tests.servers.cluster import ROOT, Running, eventually
from tests.servers.stranger import Received, Stranger, stranger

EXCHANGE = "kztasks.bindings"
RUN = "node_words.tasks.words.count"
SCHEMAS = ROOT / "docs" / "protocol" / "schemas"


def validated(message: Received) -> dict[str, Any]:
    """The content of an answer, which has to be what its schema says."""
    schema = json.loads(Path(SCHEMAS, f"{message.properties.type}.json").read_text())
    Draft202012Validator(schema).validate(message.json)
    assert message.properties.content_type == "application/json"
    content: dict[str, Any] = message.json
    return content


def batch(texts: list[str | None], **given: Any) -> dict[str, Any]:
    return {
        "v": 1,
        "task_id": "t1",
        "epoch": 1,
        "seq": 1,
        "attempt": 1,
        "hash": "h1",
        "category": "words",
        "action": "count",
        "account_id": "a",
        "auth_account_id": "a",
        "columns": ["text"],
        "rows": [[text] for text in texts],
        "first_row": 1,
        "data": None,
        "pause_ms": 0,
        "work_ms": 1000,
        **given,
    }


@pytest.fixture
def scheduler(node_app: Running, amqp_url: str) -> Iterator[Stranger]:
    """A stranger who acts as a scheduler would."""
    with stranger(amqp_url) as one:
        yield one


def answer(scheduler: Stranger) -> tuple[str, dict[str, Any], list[dict[str, Any]]]:
    """The type and content of the final answer, and the progress before it."""
    progress: list[dict[str, Any]] = []
    while True:
        message = scheduler.next(15)
        content = validated(message)
        if message.properties.type != "progress":
            return str(message.properties.type), content, progress
        progress.append(content)


def run(scheduler: Stranger, request: dict[str, Any]) -> tuple[str, dict[str, Any], list[Any]]:
    scheduler.ask(EXCHANGE, RUN, "batch", request)
    return answer(scheduler)


@pytest.mark.parametrize("key", ["tasks.help", "tasks.words.help", "tasks.words.help.count"])
def test_each_help_key_is_answered(scheduler: Stranger, key: str) -> None:
    scheduler.ask(EXCHANGE, key, "help", {"v": 1})
    kind, content, _ = answer(scheduler)
    assert kind == "help_reply"
    assert content["help"]["words"]["count"]["mandatory"] == ["text"]
    assert "tasks.words.count" in content["bindings"]


def test_rows_are_verified_and_data_goes_from_row_to_row(scheduler: Stranger) -> None:
    rows = [["a b", "en"], [None, "en"], ["c", "English"], [None, None], ["", "en"], ["d", None]]
    request = batch([], columns=["text", "language"], rows=rows, data="10")
    _, content, _ = run(scheduler, request)
    assert content["returns"] == [
        {"row": [2, 12], "next": "data"},
        {"bad_fields": ["text"]},
        {"bad_fields": ["language"]},
        {"bad_fields": ["text"]},
        {"error": "no words", "next": "data"},
        {"row": [1, 13], "next": "data"},
    ]
    assert content["data"] == "13"


def test_it_answers_early_when_its_time_is_up(scheduler: Stranger) -> None:
    _, content, _ = run(scheduler, batch(["a"] * 20, pause_ms=200, work_ms=500))
    assert 1 <= len(content["returns"]) <= 5
    assert content["elapsed_ms"] < 200  # pauses are not work


def test_a_cancel_ends_a_batch_after_its_present_row(scheduler: Stranger) -> None:
    started = time.monotonic()
    scheduler.ask(EXCHANGE, RUN, "batch", batch(["a"] * 10, pause_ms=3_000, work_ms=60_000))
    time.sleep(0.5)
    cancel = {"v": 1, "task_id": "t1", "epoch": 1, "seq": 1}
    scheduler.ask(EXCHANGE, "apps.cancel", "cancel", {**cancel, "seq": 7})
    scheduler.ask(EXCHANGE, "apps.cancel", "cancel", cancel)
    _, content, _ = answer(scheduler)
    assert content["returns"] == [{"row": [1, 1], "next": "data"}]
    assert time.monotonic() - started < 2.5


def test_it_shows_signs_of_life(scheduler: Stranger) -> None:
    _, content, progress = run(scheduler, batch(["a"] * 4, pause_ms=1_500, work_ms=60_000))
    assert len(content["returns"]) == 4
    assert [one["done"] for one in progress] == [2, 3]
    _, _, progress = run(scheduler, batch(["a"], seq=2, alone=True))
    assert [(one["alone"], one["done"]) for one in progress] == [(True, 0)]


def test_a_lower_epoch_is_refused(scheduler: Stranger) -> None:
    assert run(scheduler, batch(["a"], epoch=2))[0] == "batch_reply"
    kind, content, _ = run(scheduler, batch(["a"], seq=2, epoch=1))
    assert (kind, content["code"]) == ("refused", "stale_epoch")


def test_the_same_work_is_answered_again_and_not_run_again(scheduler: Stranger) -> None:
    _, first, _ = run(scheduler, batch(["a b"]))
    _, again, _ = run(scheduler, batch(["a b"], epoch=2, attempt=3))
    assert (again["epoch"], again["attempt"]) == (2, 3)
    assert again["elapsed_ms"] == first["elapsed_ms"]  # to the last digit: it was not run
    assert again["returns"] == first["returns"]


def test_an_action_that_it_does_not_serve_is_refused(scheduler: Stranger) -> None:
    kind, content, _ = run(scheduler, batch(["a"], action="other"))
    assert (kind, content["code"]) == ("refused", "unknown_action")


def test_a_crash_in_a_callback_is_a_result(scheduler: Stranger) -> None:
    call = {"v": 1, "key": "tasks.words.finish", "args": ["count", "no JSON"]}
    scheduler.ask(EXCHANGE, "node_words.tasks.words.finish", "call", call)
    _, content, _ = answer(scheduler)
    assert content["results"][0]["crash"]["type"] == "SyntaxError"


def test_fields_that_it_does_not_know_are_ignored(scheduler: Stranger) -> None:
    _, content, _ = run(scheduler, batch(["a"], a_later_field={"x": [1]}))
    assert content["returns"] == [{"row": [1, 1], "next": "data"}]


@pytest.mark.parametrize("body", [b"garbage", b"[]", json.dumps({**batch(["a"]), "v": 2}).encode()])
def test_what_it_cannot_read_is_dead_and_the_next_batch_is_run(
    scheduler: Stranger, node_app: Running, body: bytes
) -> None:
    scheduler.bind("kztasks.dead", "#")
    scheduler.ask(EXCHANGE, RUN, "batch", body)
    dead = scheduler.next()
    assert dead.body == body
    assert dead.headers["x-death"][0]["reason"] == "rejected"
    assert run(scheduler, batch(["a"]))[0] == "batch_reply"
    assert node_app.process.poll() is None


def test_it_says_when_a_claim_of_it_is_refused(
    scheduler: Stranger, node_app: Running, instance: str
) -> None:
    claim = {"category": "words", "action": "count", "serving": "other"}
    key = f"apps.instance.{instance}"
    scheduler.ask(EXCHANGE, key, "claims", {"v": 1, "refused": [claim]})
    logged = eventually("it is logged", lambda: node_app.logged("claim_refused"), within_s=5)
    assert logged[0]["serving"] == "other"


def test_it_says_that_it_is_there_and_that_it_leaves(
    scheduler: Stranger, node_app: Running, instance: str
) -> None:
    scheduler.bind(EXCHANGE, "apps.*")
    beat = scheduler.next(5)
    assert (beat.routing_key, validated(beat)["app"]["instance"]) == ("apps.beat", instance)
    assert node_app.terminate() == 0
    last = scheduler.drain(0.5)[-1]
    assert (last.routing_key, validated(last)["app"]["name"]) == ("apps.down", "node_words")
