"""A file that a handler has produced out of band becomes an attachment of its task."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from kztasks.domain.status import TaskStatus
from kztasks.domain.task import Task
from kztasks.errors import NotFound
from kztasks.store.interface import Download
from tasks_bindings import App, Category, Context, file
from tests.integration.scheduler.kit import Engine

pytestmark = pytest.mark.store

CONTENT = b"x,y\n" + b"1,2\n" * 700_000
"""More than two parts."""


def app_that_returns(path: Callable[[], str], folder: Path | None) -> App:
    category = Category("t")

    @category.noinput_action("dump", description="Dump to a file", output_header=["error"])
    def dump(_context: Context, _data: object) -> object:
        return file(path())

    return App("dumper", category, files=folder)


async def run(engine: Engine, app: App) -> Task:
    await engine.scheduler()
    await engine.app(app)
    task, _ = await engine.run("dump")
    return task


async def content(download: Download) -> bytes:
    parts = []
    while part := await download.read(1 << 20):
        parts.append(part)
    return b"".join(parts)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "files"
    folder.mkdir()
    return folder


async def test_it_is_stored_whole_under_its_own_name_and_deleted_at_the_app(
    engine: Engine, folder: Path
) -> None:
    (folder / "dump.csv").write_bytes(CONTENT)
    task = await run(engine, app_that_returns(lambda: str(folder / "dump.csv"), folder))

    assert task.status is TaskStatus.SUCCESS
    assert task.attached is not None
    assert (task.attached.name, task.attached.size) == ("dump.csv", len(CONTENT))
    assert await content(await engine.store.files.download(task.attached.file_id)) == CONTENT
    assert not (folder / "dump.csv").exists()


async def test_an_empty_file_is_stored_too(engine: Engine, folder: Path) -> None:
    (folder / "empty.bin").touch()
    task = await run(engine, app_that_returns(lambda: "empty.bin", folder))

    assert task.status is TaskStatus.SUCCESS
    assert task.attached is not None
    assert task.attached.size == 0


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("../secret.txt", "outside the folder"),
        ("/etc/passwd", "outside the folder"),
        ("link", "outside the folder"),
        ("missing.csv", "there is no file"),
        (".", "there is no file"),
        ("out.csv", "cannot be an attachment"),
    ],
)
async def test_what_is_no_file_of_the_folder_ends_the_task_with_a_reason_and_is_not_touched(
    engine: Engine, folder: Path, path: str, why: str
) -> None:
    secret = folder.parent / "secret.txt"
    secret.write_text("secret")
    (folder / "link").symlink_to(secret)
    (folder / "out.csv").write_text("x")
    task = await run(engine, app_that_returns(lambda: path, folder))

    assert task.status is TaskStatus.INTERNAL_ERROR
    assert why in (task.reason or "")
    assert task.attached is None
    assert secret.read_text() == "secret"
    assert str(folder) not in (task.reason or ""), (
        "paths of the app's machine are nobody's business"
    )


async def test_an_app_that_declares_no_folder_gives_away_no_file(
    engine: Engine, folder: Path
) -> None:
    (folder / "dump.csv").write_text("x")
    task = await run(engine, app_that_returns(lambda: str(folder / "dump.csv"), None))

    assert task.status is TaskStatus.INTERNAL_ERROR
    assert "declares no folder" in (task.reason or "")


async def test_it_goes_with_its_task(engine: Engine, folder: Path) -> None:
    (folder / "dump.csv").write_text("x")
    task = await run(engine, app_that_returns(lambda: "dump.csv", folder))
    assert task.attached is not None
    await engine.store.tasks.delete(task.id)

    with pytest.raises(NotFound):
        await engine.store.files.download(task.attached.file_id)
