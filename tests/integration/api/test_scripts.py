"""Answers as scripts that call a function (`jsonp`)."""

from __future__ import annotations

import json

import pytest

from kztasks.api.config import ApiSettings
from tests.integration.api.kit import TASKS, Front

pytestmark = pytest.mark.store


@pytest.fixture
def api_settings(request: pytest.FixtureRequest) -> ApiSettings:
    """All sites may read answers, or those that a test names."""
    return ApiSettings(node="n", cors_origins=getattr(request, "param", ("*",)))


@pytest.mark.parametrize("query", [{}, {"paginate": "false"}])
async def test_an_answer_calls_the_function_that_is_named(
    front: Front, query: dict[str, str]
) -> None:
    task_id = await front.create()
    response = await front.http.get(TASKS, params={"jsonp": "portal.$cb_1", **query})
    text = response.text

    assert response.headers["content-type"].split(";")[0] == "application/javascript"
    assert response.headers["x-content-type-options"] == "nosniff"
    assert (text[:13], text[-2:]) == ("portal.$cb_1(", ");")
    assert [task["id"] for task in json.loads(text[13:-2])["data"]] == [task_id]


@pytest.mark.parametrize(
    "name",
    ["", "alert(1)", "a;b", "1a", "a.", ".a", "a b", "a\n", "<script>", "a" * 65, "naïve", "a[0]"],
)
async def test_what_is_no_name_of_a_function_is_not_called(front: Front, name: str) -> None:
    response = await front.http.get(TASKS, params={"jsonp": name})

    assert response.headers["content-type"] == "application/json"
    assert response.json()["status"] == "success"


@pytest.mark.parametrize("api_settings", [("https://portal.example",)], indirect=True)
async def test_no_answer_is_a_script_that_any_site_could_read(front: Front) -> None:
    response = await front.http.get(TASKS, params={"jsonp": "cb"})

    assert response.headers["content-type"] == "application/json"
