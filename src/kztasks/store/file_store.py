"""What the service needs of a place for files. Without the driver."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from typing import Protocol


class Upload(Protocol):
    """A file being written; nobody can read it before `commit`."""

    async def write(self, data: bytes) -> None:
        """Append bytes; waits while the database is slower than the caller."""
        ...

    async def commit(self) -> None:
        """Make the file readable."""
        ...


class Download(Protocol):
    """A file being read."""

    @property
    def size(self) -> int:
        """Bytes in the file."""
        ...

    async def read(self, size: int) -> bytes:
        """Up to `size` bytes; empty at the end."""
        ...


class FileStore(Protocol):
    """Attachments, streamed both ways."""

    def upload(self, file_id: str, name: str) -> AbstractAsyncContextManager[Upload]:
        """Write a file. Leaving the context without `commit` removes all that was written.

        What a crash leaves of it is found by `RetentionStore.loose_ends`.

        Args:
            file_id: fresh; it begins with the id of the task that the file belongs to, and a dot
                or a slash.
            name: of the attachment.
        """
        ...

    async def download(self, file_id: str, *, offset: int = 0, size: int | None = None) -> Download:
        """Read a file from a byte offset on.

        Args:
            file_id: the file.
            offset: bytes to leave out.
            size: of the whole file, where it is known to be stored. Less is asked for then, and
                that it is gone may show with the first read only.

        Raises:
            NotFound: there is no such file.
        """
        ...

    async def delete(self, file_id: str) -> None:
        """Remove a file and its chunks; removing what is not there is no error."""
        ...
