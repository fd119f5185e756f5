"""An output that could not be stored can be downloaded all the same: from the task's log."""

from __future__ import annotations

import pytest

from kztasks.api.salvage import OutputCutOff
from tests.fixtures.undelivered import BATCHES, OUTPUT, undelivered
from tests.integration.api.kit import TASKS, A, Front

pytestmark = pytest.mark.store


@pytest.mark.parametrize(
    ("path", "accept"), [("/output", "*/*"), ("", "text/csv"), ("?csv_name=out.csv", "text/csv")]
)
async def test_it_is_sent_where_the_stored_one_would_be(
    front: Front, path: str, accept: str
) -> None:
    task = await undelivered(front.store, account_id=A)
    response = await front.http.get(
        f"{TASKS}/{task.id}{path}", headers={"accept": accept, "range": "bytes=1-2"}
    )

    assert response.status_code == 200
    assert response.content == OUTPUT
    assert response.headers["content-type"] == "text/csv"
    assert response.headers["content-disposition"] == (
        f'attachment; filename="skel_id2_{task.id}_out.csv"'
    )
    assert "content-length" not in response.headers


async def test_the_task_lists_it_among_what_can_be_downloaded(front: Front) -> None:
    task = await undelivered(front.store, account_id=A)
    shown = (await front.http.get(f"{TASKS}/{task.id}")).json()["data"]["_read_only"]

    assert shown["csvs"] == ["out.csv"]
    assert "could not be uploaded" in shown["reason"]


async def test_a_safe_copy_has_no_formulas(front: Front) -> None:
    task = await undelivered(front.store, account_id=A)
    response = await front.http.get(f"{TASKS}/{task.id}/output?safe=true")
    assert response.content == OUTPUT


async def test_a_broken_log_gives_no_whole_answer(front: Front) -> None:
    task, other = [await undelivered(front.store, account_id=A) for _ in range(2)]
    log = front.store._database["log"]
    await log.delete_one({"_id": f"{task.id}:{BATCHES:010d}"})
    await log.delete_one({"_id": f"{other.id}:{0:010d}"})

    with pytest.raises(OutputCutOff, match="breaks at record"):  # the server cuts the answer off
        await front.http.get(f"{TASKS}/{task.id}/output")
    assert (await front.http.get(f"{TASKS}/{other.id}/output")).status_code == 404


async def test_after_the_log_was_removed_there_is_none(front: Front) -> None:
    task = await undelivered(front.store, account_id=A)
    await front.store.log.delete(task.id)
    response = await front.http.get(f"{TASKS}/{task.id}/output")
    assert response.status_code == 404


async def test_how_often_a_task_was_rescued_is_told(front: Front) -> None:
    task_id = await front.create()
    await front.http.patch(f"{TASKS}/{task_id}")
    await front.store.tasks.take_over(task_id, lost="n1", epoch=1, node="n2", worker="kztasks@h3")
    shown = (await front.http.get(f"{TASKS}/{task_id}")).json()["data"]["_read_only"]
    assert shown["rescues"] == 1
