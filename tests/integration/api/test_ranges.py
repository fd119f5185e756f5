"""Downloads in parts, downloads of what the client has, and downloads for spreadsheets."""

from __future__ import annotations

import hashlib

import pytest

from kztasks.domain.status import TaskStatus
from kztasks.domain.task import OutputFile
from tests.integration.api.kit import TASKS, Front

pytestmark = pytest.mark.store

OUTPUT = b"".join(b'"%07d","%07d"\n' % (n, n * n) for n in range(60_000))
ETAG = f'"{hashlib.sha256(OUTPUT).hexdigest()}"'


@pytest.fixture
async def url(front: Front) -> str:
    """Where the output of a finished task is, without the scheme."""
    task_id = await front.create()
    await front.http.patch(f"{TASKS}/{task_id}")
    file = OutputFile(file_id="o", size=len(OUTPUT), sha256=hashlib.sha256(OUTPUT).hexdigest())
    async with front.store.files.upload(file.file_id, "out.csv") as upload:
        await upload.write(OUTPUT)
        await upload.commit()
    await front.scheduler.end_with(task_id, TaskStatus.SUCCESS, file)
    return f"{TASKS}/{task_id}/output"


@pytest.mark.parametrize(
    ("wanted", "start", "stop"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=261119-261121", 261_119, 261_122),
        ("bytes=500000-", 500_000, len(OUTPUT)),
        ("bytes=-100", len(OUTPUT) - 100, len(OUTPUT)),
        (f"bytes={len(OUTPUT) - 1}-", len(OUTPUT) - 1, len(OUTPUT)),
    ],
)
async def test_a_part_is_sent(front: Front, url: str, wanted: str, start: int, stop: int) -> None:
    response = await front.http.get(url, headers={"range": wanted})

    assert response.status_code == 206
    assert response.content == OUTPUT[start:stop]
    assert response.headers["content-range"] == f"bytes {start}-{stop - 1}/{len(OUTPUT)}"
    assert response.headers["content-length"] == str(stop - start)
    assert response.headers["etag"] == ETAG
    assert response.headers["content-type"] == "text/csv"


async def test_a_broken_download_is_taken_up_again(front: Front, url: str) -> None:
    first = await front.http.get(url, headers={"range": "bytes=0-399999"})
    rest = await front.http.get(
        url, headers={"range": "bytes=400000-", "if-range": first.headers["etag"]}
    )

    assert (first.status_code, rest.status_code) == (206, 206)
    assert first.content + rest.content == OUTPUT


async def test_a_part_of_another_file_is_not_asked_for(front: Front, url: str) -> None:
    response = await front.http.get(url, headers={"range": "bytes=5-9", "if-range": '"other"'})

    assert response.status_code == 200
    assert response.content == OUTPUT


async def test_a_part_behind_the_end_is_refused(front: Front, url: str) -> None:
    response = await front.http.get(url, headers={"range": f"bytes={len(OUTPUT)}-"})

    assert response.status_code == 416
    assert response.headers["content-range"] == f"bytes */{len(OUTPUT)}"
    assert response.json()["data"]["size"] == len(OUTPUT)


async def test_a_client_that_has_the_file_is_not_sent_it(front: Front, url: str) -> None:
    whole = await front.http.get(url)
    again = await front.http.get(url, headers={"if-none-match": whole.headers["etag"]})

    assert whole.headers["etag"] == ETAG
    assert whole.headers["accept-ranges"] == "bytes"
    assert again.status_code == 304
    assert again.content == b""


async def test_the_input_has_a_revision_too(front: Front) -> None:
    content = b"col1,col2\n1,2\n"
    response = await front.http.get(f"{TASKS}/{await front.create(content)}/input")

    assert response.headers["etag"] == f'"{hashlib.sha256(content).hexdigest()}"'


async def test_formulas_are_made_text_for_those_who_ask(front: Front) -> None:
    content = b"col1,col2\n=1+1,-5\n@x,+14155550123\n"
    task_id = await front.create(content)
    plain = await front.http.get(f"{TASKS}/{task_id}/input")
    safe = await front.http.get(f"{TASKS}/{task_id}/input", params={"safe": "true"})
    ranged = await front.http.get(
        f"{TASKS}/{task_id}/input", params={"safe": "true"}, headers={"range": "bytes=0-3"}
    )

    assert plain.content == content
    assert safe.content == b"col1,col2\n'=1+1,-5\n'@x,+14155550123\n"
    assert ranged.status_code == 200
    assert ranged.content == safe.content
    assert "etag" not in safe.headers
