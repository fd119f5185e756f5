"""Fetch a file that a handler has produced out of band, and store it as an attachment."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import AsyncIterator, Callable
from pathlib import PurePosixPath
from typing import Final
from uuid import uuid4

import structlog

from kztasks.domain.task import AttachedFile
from kztasks.errors import KztasksError, StoreUnavailable
from kztasks.run_time import RunTimeSettings
from kztasks.scheduler.answers import BatchLost
from kztasks.scheduler.pause import pause
from kztasks.store.interface import FileStore
from tasks_bindings.bus import Bus, Message
from tasks_bindings.errors import BusError, WireError
from tasks_bindings.wire import codec
from tasks_bindings.wire.files import FilePart, FileRequest, FileStored
from tasks_bindings.wire.keys import instance_key
from tasks_bindings.wire.messages import MessageType, Refused, WireMessage
from tasks_bindings.wire.topology import BINDINGS

_log = structlog.get_logger(__name__)

PART_BYTES: Final = 1024 * 1024
PART_TIMEOUT_S: Final = 15.0
RESERVED_NAMES: Final = frozenset({"in.csv", "out.csv"})


class FileRefused(KztasksError):
    """The file cannot become an attachment; the text tells the operator why."""

    code = "file_refused"


class Attacher:
    """Moves files from app processes to the store, a part at a time.

    Args:
        bus: the way to the apps.
        files: where attachments are stored.
        run_time: how often to try, and how long to pause; the settings for `out.csv` hold here too.
    """

    def __init__(self, bus: Bus, files: FileStore, run_time: Callable[[], RunTimeSettings]) -> None:
        self._bus = bus
        self._files = files
        self._run_time = run_time

    async def attach(self, task_id: str, instance: str, path: str) -> AttachedFile:
        """Store a file of an app's instance; it may be deleted there afterwards.

        Raises:
            FileRefused: the app will not give it, its name cannot be used, or the store failed
                as often as the settings allow.
            BatchLost: the instance does not answer; whoever runs the batch again has the file.
        """
        tries = 0
        while True:
            tries += 1
            try:
                return await self._attach_once(task_id, instance, path)
            except StoreUnavailable as error:
                _log.warning("file_not_stored", tries=tries, why=str(error))
                if tries >= self._run_time().attempt_upload_output_times:
                    raise FileRefused(
                        "the file could not be stored; it stays with the app"
                    ) from error
                await pause(lambda: self._run_time().pause_between_upload_output_attempts_s)

    async def release(self, instance: str, path: str) -> None:
        """Tell the app that its file is stored. That it may get lost costs disk space alone."""
        message = _message(FileStored(path=path), MessageType.FILE_STORED)
        try:
            await self._bus.publish(BINDINGS.name, instance_key(instance), message, mandatory=False)
        except BusError as error:
            _log.info("file_not_released", why=str(error))

    async def _attach_once(self, task_id: str, instance: str, path: str) -> AttachedFile:
        parts = self._parts(instance, path)
        first = await anext(parts)
        name = _checked_name(first.name)
        file_id, digest, size = f"{task_id}/{name}/{uuid4().hex}", hashlib.sha256(), 0
        async with self._files.upload(file_id, name) as upload:
            part: FilePart | None = first
            while part is not None:
                data = _decoded(part)
                digest.update(data)
                size += len(data)
                await upload.write(data)
                part = await anext(parts, None)
            await upload.commit()
        return AttachedFile(name=name, file_id=file_id, size=size, sha256=digest.hexdigest())

    async def _parts(self, instance: str, path: str) -> AsyncIterator[FilePart]:
        offset = 0
        while True:
            part = await self._part(instance, path, offset)
            yield part
            offset += len(_decoded(part))
            if offset >= part.total:
                return

    async def _part(self, instance: str, path: str, offset: int) -> FilePart:
        question = FileRequest(path=path, offset=offset, size=PART_BYTES)
        message = _message(question, MessageType.FILE_REQUEST)
        try:
            async with self._bus.call(BINDINGS.name, instance_key(instance), message) as call:
                delivery = await call.receive(PART_TIMEOUT_S)
            if delivery.message.type == MessageType.REFUSED:
                refused = codec.decode(delivery.message.body, Refused)
                raise FileRefused(f"{refused.code}: {refused.message}")
            part = codec.decode(delivery.message.body, FilePart)
        except (BusError, WireError) as error:
            raise BatchLost(f"the app did not hand over its file: {error}") from error
        if offset < part.total and not part.data:
            raise FileRefused("the app's file became shorter while it was read")
        return part


def _message(content: WireMessage, kind: MessageType) -> Message:
    return Message(body=codec.encode(content), type=kind, expires_ms=int(PART_TIMEOUT_S * 1000))


def _decoded(part: FilePart) -> bytes:
    try:
        return base64.b64decode(part.data, validate=True)
    except binascii.Error as error:
        raise FileRefused("the app sent a part of its file that is not base64") from error


def _checked_name(name: str) -> str:
    """The name of an attachment: a plain file name that is none of the task's own."""
    plain = PurePosixPath(name).name
    if plain != name or not name.isprintable() or name.startswith(".") or name in RESERVED_NAMES:
        raise FileRefused(f"a file called {name[:100]!r} cannot be an attachment")
    return name
