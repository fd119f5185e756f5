"""What the front publishes for machines: how to call it, and how an app talks to schedulers."""

from __future__ import annotations

from pathlib import Path

import pytest

from tasks_bindings.wire.messages import MessageType
from tests.integration.api.kit import Front

pytestmark = pytest.mark.store

FOLDER = Path(__file__).parents[3] / "docs" / "protocol"
PROTOCOL = ("asyncapi.json", *(f"schemas/{kind}.json" for kind in MessageType))
ALL = ("openapi.json", *PROTOCOL)


@pytest.mark.parametrize("path", PROTOCOL)
async def test_the_protocol_is_served_byte_for_byte_as_it_is_committed(
    front: Front, path: str
) -> None:
    front.http.headers.pop("x-auth-token")
    response = await front.http.get(f"/v2/{path}")

    assert response.status_code == 200
    assert response.headers["content-type"] == "application/json"
    assert response.content == (FOLDER / path).read_bytes()


@pytest.mark.parametrize("path", ALL)
async def test_a_client_that_has_a_document_already_is_told_so(front: Front, path: str) -> None:
    first = await front.http.get(f"/v2/{path}")
    tag = first.headers["etag"]
    again = await front.http.get(f"/v2/{path}", headers={"if-none-match": f'"other", {tag}'})
    other = await front.http.get(f"/v2/{path}", headers={"if-none-match": '"other"'})

    assert first.headers["cache-control"] == "public, no-cache"
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    assert again.headers["cache-control"] == "public, no-cache"
    assert (other.status_code, other.content) == (200, first.content)


async def test_no_two_documents_have_the_same_tag(front: Front) -> None:
    tags = {(await front.http.get(f"/v2/{path}")).headers["etag"] for path in ALL}

    assert len(tags) == len(ALL)


@pytest.mark.parametrize("name", ["nope", "Batch", "batch.json", "..", "x" * 1000, "%00"])
async def test_a_message_that_there_is_not_has_no_schema(front: Front, name: str) -> None:
    response = await front.http.get(f"/v2/schemas/{name}.json")

    assert response.status_code == 404
    assert len(response.content) < 1000


async def test_the_openapi_document_lists_the_messages_that_have_a_schema(front: Front) -> None:
    paths = (await front.http.get("/v2/openapi.json")).json()["paths"]
    operation = paths["/v2/schemas/{message_type}.json"]["get"]
    [named] = [one for one in operation["parameters"] if one["in"] == "path"]

    assert named["schema"]["enum"] == [kind.value for kind in MessageType]
    assert operation["security"] == []
    assert operation["responses"].keys() == {"200", "304", "404", "429"}
