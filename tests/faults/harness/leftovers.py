"""Files that no task has, after all that was broken."""

from __future__ import annotations

from tests.faults.harness.store import Observer


async def left_over(observer: Observer) -> tuple[list[str], list[str]]:
    """Files and chunks that no task has: those that the janitor knows of, and others."""
    documents = await observer.tasks()
    parts = (document.get(part) for document in documents for part in ("input", "output"))
    known = {part["file_id"] for part in parts if part}
    files = {file["_id"] for file in await observer.collection("attachments.files")}
    chunks = {chunk["files_id"] for chunk in await observer.collection("attachments.chunks")}
    noted = {end["_id"] for end in await observer.collection("loose_ends")}
    left = (files | chunks) - known
    return sorted(left & noted), sorted(left - noted)
