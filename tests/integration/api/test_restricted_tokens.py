"""Tokens that are good for some requests alone."""

from __future__ import annotations

from typing import Any

import pytest

from tests.integration.api import tokens
from tests.integration.api.kit import TASKS, A, Front

pytestmark = pytest.mark.store


@pytest.fixture
async def reader(front: Front) -> dict[str, str]:
    """The header with a token that only reads, and posts."""
    await tokens.store_key(front.store)
    allowed = {"get": ["accounts/*/tasks/#"], "post": ["accounts/*/tasks/#"]}
    return {"x-auth-token": tokens.token(A, restrictions=allowed)}


async def test_a_method_in_a_tunnel_counts_and_not_the_post_around_it(
    front: Front, reader: dict[str, str]
) -> None:
    task_id = await front.create()
    url = f"{TASKS}/{task_id}"
    for body in (None, {"data": {}, "verb": "delete"}):
        query = {} if body else {"verb": "delete"}
        refused = await front.http.post(url, params=query, json=body, headers=reader)
        assert refused.status_code == 403

    read = await front.http.post(url, params={"verb": "get"}, headers=reader)
    assert read.json()["data"]["_read_only"]["id"] == task_id


async def test_a_path_that_is_spelt_in_another_way_is_the_same_path(
    front: Front, reader: dict[str, str]
) -> None:
    task_id = await front.create()

    assert (await front.http.get(TASKS.replace("tasks", "t%61sks"), headers=reader)).is_success
    refused = await front.http.delete(f"{TASKS}/{task_id}".replace("/v2", "/v%32"), headers=reader)
    assert refused.status_code == 403


@pytest.mark.parametrize("restrictions", [[], "get", {"get": "#"}, {"brew": ["#"]}, False])
async def test_restrictions_that_cannot_be_read_make_a_token_good_for_nothing(
    front: Front, restrictions: Any
) -> None:
    await tokens.store_key(front.store)
    token = tokens.token(A, restrictions=restrictions)
    response = await front.http.get(TASKS, headers={"x-auth-token": token})

    assert response.status_code == 401


async def test_restrictions_of_a_login_that_cannot_be_read_are_refused(front: Front) -> None:
    await front.store.accounts.add_api_key("0" * 64, A)
    body = {"data": {"api_key": "0" * 64, "restrictions": {"get": "#"}}}
    response = await front.http.put("/v2/api_auth", json=body)

    assert response.status_code == 400
    assert "restrictions" in response.json()["data"]
