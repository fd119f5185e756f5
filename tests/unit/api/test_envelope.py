"""The envelope around JSON answers."""

from __future__ import annotations

import json

from kztasks.api.context import RequestContext
from kztasks.api.envelope import VERSION, Envelopes
from kztasks.api.errors import Failure
from kztasks.api.identity.tokens import Identity
from kztasks.api.limits.buckets import Tokens
from kztasks.store.interface import Account

ENVELOPES = Envelopes("kztasks@h2.example.com", lambda: 1_732_465_380.9)
KNOWN = RequestContext(
    "r1",
    token="t1",
    identity=Identity(Account(account_id="a1", name="A"), "token"),
    tokens=Tokens(1, 99),
)


def test_a_success_has_kazoos_keys() -> None:
    response = ENVELOPES.success(KNOWN, {"x": 1}, more={"page_size": 1})

    assert json.loads(bytes(response.body)) == {
        "data": {"x": 1},
        "status": "success",
        "auth_token": "t1",
        "request_id": "r1",
        "node": "r619zQeO7nj4BytRk0PBfA",
        "timestamp": "2024-11-24T16:23:00Z",
        "tokens": {"consumed": 1, "remaining": 99},
        "version": VERSION,
        "page_size": 1,
    }


def test_without_a_token_there_is_neither_token_nor_version() -> None:
    content = json.loads(bytes(ENVELOPES.success(RequestContext("r1"), []).body))

    assert content.keys().isdisjoint({"auth_token", "version"})


def test_a_failure_tells_the_status_as_a_string() -> None:
    failure = Failure(
        status=404, message="bad identifier", data=["T"], headers={"Retry-After": "2"}
    )

    response = ENVELOPES.failure(KNOWN, failure)
    content = json.loads(bytes(response.body))

    assert response.status_code == 404
    assert response.headers["retry-after"] == "2"
    assert content["status"] == "error"
    assert content["error"] == "404"
    assert content["message"] == "bad identifier"
    assert content["data"] == ["T"]


def test_the_content_type_is_json_and_nothing_beside_it() -> None:
    response = ENVELOPES.success(KNOWN, None)

    assert response.headers["content-type"] == "application/json"
