"""How a client proves who it is, and for whom it may act."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

import jwt
import pytest

from tests.e2e.conformance.client import Json, KazooClient
from tests.e2e.conformance.conftest import KAZOO_KID, Site

FORBIDDEN: Final = (403, "forbidden", {"message": "forbidden"})
INVALID: Final = (401, "invalid_credentials", {"message": "invalid credentials"})


@pytest.fixture(scope="module")
def api_key(site: Site) -> str:
    """A key of the account."""
    (key,) = site.say("key", site["itself"].account_id)
    return key


def log_in(client: KazooClient, api_key: str) -> Json:
    """Exchange a key for a token; the envelope."""
    answer = client.ask("PUT", "/v2/api_auth", envelope={"data": {"api_key": api_key}})
    return answer.succeeded(201).envelope


def test_an_api_key_is_exchanged_for_a_token_that_works(client: KazooClient, api_key: str) -> None:
    assert len(api_key) == 64
    answer = log_in(replace(client, token=None), api_key)
    claims = jwt.decode(answer["auth_token"], options={"verify_signature": False})
    known = replace(client, token=answer["auth_token"])

    assert answer["tokens"]["consumed"] == 35
    assert {
        "account_id", "account_name", "apps", "language", "reseller_id", "is_reseller",
        "is_master_account", "capabilities", "ui_config",
    } <= answer["data"].keys()  # fmt: skip
    assert answer["data"]["account_id"] == claims["account_id"] == client.account_id
    assert claims["method"] == "cb_api_auth"
    assert claims["exp"] == pytest.approx(time.time() + 3600, abs=60)
    known.ask("GET", known.tasks).succeeded()


def test_the_public_key_of_a_token_is_published(client: KazooClient, api_key: str) -> None:
    token = log_in(client, api_key)["auth_token"]
    kid = jwt.get_unverified_header(token)["kid"]
    pem = client.ask("GET", f"/v2/auth/keys/{kid}").succeeded().data["public_key"]

    assert jwt.decode(token, pem, algorithms=["EdDSA"], audience="kztasks")


def test_a_key_that_nobody_has(client: KazooClient) -> None:
    key = "0" * 64
    answer = client.ask("PUT", "/v2/api_auth", envelope={"data": {"api_key": key}})

    answer.failed(404, "bad identifier", [key])


def test_a_token_is_looked_at_and_given_up(client: KazooClient, api_key: str) -> None:
    known = replace(client, token=log_in(client, api_key)["auth_token"])
    assert known.ask("GET", "/v2/token_auth").succeeded().data["account_id"] == client.account_id
    known.ask("DELETE", "/v2/token_auth").succeeded()

    known.ask("GET", known.tasks).failed(*INVALID)


@pytest.mark.parametrize(
    "place",
    ["header", "bearer", "lower bearer", "query", "query authorization", "data", "envelope"],
)
def test_a_token_may_stand_in_these_places(client: KazooClient, place: str) -> None:
    token = client.token or ""
    headers = {
        "header": {"X-Auth-Token": token},
        "bearer": {"Authorization": f"Bearer {token}"},
        "lower bearer": {"Authorization": f"bearer {token}"},
    }
    queries = {
        "query": {"auth_token": token},
        "query authorization": {"authorization": f"Bearer {token}"},
    }
    envelopes: dict[str, Json] = {
        "data": {"data": {"auth_token": token}},
        "envelope": {"data": {}, "auth_token": token},
    }
    answer = replace(client, token=None).ask(
        "GET",
        client.tasks,
        headers=headers.get(place),
        query=queries.get(place),
        envelope=envelopes.get(place),
    )

    assert answer.succeeded().envelope["auth_token"] == token


def kazoo_token(site: Site, client: KazooClient, **changes: Any) -> str:
    """A token that a Kazoo cluster has made for the account."""
    claims = {
        "iss": "kazoo", "identity_sig": "c2ln", "account_id": client.account_id,
        "method": "cb_user_auth", "exp": int(time.time()) + 3600, **changes,
    }  # fmt: skip
    algorithm = claims.pop("alg", "RS256")
    return jwt.encode(claims, site.kazoo_key, algorithm, headers={"kid": KAZOO_KID})


@pytest.mark.parametrize("algorithm", ["RS256", "RS384", "RS512"])
def test_a_token_of_a_kazoo_cluster_is_taken(
    site: Site, client: KazooClient, algorithm: str
) -> None:
    known = replace(client, token=kazoo_token(site, client, alg=algorithm))

    known.ask("GET", known.tasks).succeeded()


def test_a_token_that_has_expired_is_told_in_other_words(site: Site, client: KazooClient) -> None:
    late = replace(client, token=kazoo_token(site, client, exp=int(time.time()) - 3600))

    late.ask("GET", late.tasks).failed(401, "invalid credentials", {})


BAD: Final[dict[str, Callable[[str], dict[str, str]]]] = {
    "none": lambda _: {},
    "no token at all": lambda _: {"X-Auth-Token": "0" * 32},
    "changed": lambda token: {"X-Auth-Token": token[:-4] + "AAAA"},
    "unsigned": lambda token: {"X-Auth-Token": token.rpartition(".")[0] + "."},
    "of another account": lambda token: {
        "X-Auth-Token": token, "X-Auth-Account-ID": "0" * 32,
    },
}  # fmt: skip


@pytest.mark.parametrize("how", BAD)
def test_who_is_not_known_is_refused(site: Site, client: KazooClient, how: str) -> None:
    headers = BAD[how](kazoo_token(site, client))
    answer = replace(client, token=None).ask("GET", client.tasks, headers=headers)

    answer.failed(*INVALID)


def test_a_claimed_account_that_is_the_tokens_is_taken(client: KazooClient) -> None:
    client.ask("GET", client.tasks, headers={"X-Auth-Account-ID": client.account_id}).succeeded()


@pytest.mark.parametrize(
    ("who", "may"),
    [("itself", True), ("parent", True), ("admin", True), ("child", False), ("sibling", False)],
)
def test_an_account_is_acted_on_by_itself_its_ancestors_and_admins(
    site: Site, client: KazooClient, who: str, *, may: bool
) -> None:
    task_id = client.create("dump")
    asker = replace(site[who], account_id=client.account_id)
    answers = [
        asker.ask("GET", asker.tasks),
        asker.ask("GET", asker.one(task_id)),
        asker.ask("PUT", asker.tasks, query={"category": "numbers", "action": "dump"}),
        asker.ask("DELETE", asker.one(task_id)),
    ]

    if may:
        created = answers.pop(2).succeeded(201).task
        assert created["account_id"] == client.account_id
        assert created["auth_account_id"] == site[who].account_id
    for answer in answers:
        if may:
            answer.succeeded()
        else:
            answer.failed(*FORBIDDEN)


def test_a_disabled_account_is_locked_out(site: Site) -> None:
    disabled = site["disabled"]
    answer = disabled.ask("GET", disabled.tasks)

    assert (answer.status, answer.envelope["message"]) == (423, "locked")


@pytest.mark.parametrize(
    ("restrictions", "is_allowed"),
    [
        ({"get": ["#"]}, {"list": True, "create": False, "read": True}),
        ({"*": ["accounts/{id}/tasks/#"]}, {"list": True, "create": True, "read": True}),
        ({"get": ["accounts/{id}/tasks"]}, {"list": True, "create": False, "read": False}),
        ({"get": ["accounts/*/tasks/*"]}, {"list": False, "create": False, "read": True}),
        ({"put": ["accounts/{id}/tasks"]}, {"list": False, "create": True, "read": False}),
        ({"delete": ["accounts/{id}/users/#"]}, {"list": False, "create": False, "read": False}),
    ],
)
def test_a_token_may_be_restricted_to_methods_and_paths(
    client: KazooClient, api_key: str, restrictions: dict[str, list[str]], is_allowed: Json
) -> None:
    wanted = {
        method: [path.format(id=client.account_id) for path in paths]
        for method, paths in restrictions.items()
    }
    envelope = {"data": {"api_key": api_key, "restrictions": wanted}}
    answer = client.ask("PUT", "/v2/api_auth", envelope=envelope).succeeded(201)
    task_id = client.create("dump")
    limited = replace(client, token=answer.envelope["auth_token"])
    query = {"category": "numbers", "action": "dump"}
    answers = {
        "list": limited.ask("GET", limited.tasks),
        "create": limited.ask("PUT", limited.tasks, query=query),
        "read": limited.ask("GET", limited.one(task_id)),
    }

    for name, answer in answers.items():
        if is_allowed[name]:
            answer.succeeded(201 if name == "create" else 200)
        else:
            answer.failed(*FORBIDDEN)
