"""Ends connections that only hold a place: a header that never ends, an answer that nobody takes.

uvicorn has no limit on either. The body of a request has its own (`kztasks.api.limits.pace`).

An answer that ends before its time never looks whole. One to a client of HTTP/1.0, such as nginx
is to what is behind it, may have neither a length nor chunks: the end of the connection is its end
(RFC 9112, section 6.3). So such a connection is reset unless its answer is complete, also when
the process is killed.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from contextlib import suppress
from dataclasses import dataclass
from typing import ClassVar, Final

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

_RESET: Final = struct.pack("ii", 1, 0)
_FLUSH: Final = struct.pack("ii", 0, 0)
"""For SO_LINGER: what becomes of the connection when its socket is closed, by whomever."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long the server waits for a client.

    Args:
        header_s: seconds from the first byte (or the connection) to the end of a header.
        stall_s: seconds in which a client takes nothing of an answer.
    """

    header_s: float
    stall_s: float


class PatientProtocol(H11Protocol):
    """One connection; both timers cut it off, as a client that is slow may never close it."""

    patience: ClassVar[Patience]

    _header_timer: asyncio.TimerHandle | None = None
    _stall_timer: asyncio.TimerHandle | None = None
    _resets = False
    _is_cut = False

    def cut(self) -> None:
        """End the connection, whatever its client has not taken yet."""
        self._is_cut = True
        self._when_closed(_RESET)
        self.transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client is there, and has said nothing yet."""
        super().connection_made(transport)  # type: ignore[arg-type]  # uvicorn narrows it
        self._await_header()

    def connection_lost(self, exc: Exception | None) -> None:
        """The client is gone."""
        _stop(self._header_timer)
        _stop(self._stall_timer)
        if self._resets and not self._is_cut and self.conn.our_state is not h11.SEND_BODY:
            self._when_closed(_FLUSH)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """The client says something."""
        super().data_received(data)
        if not self._resets and self.conn.their_http_version == b"1.0":
            self._resets = True
            self._when_closed(_RESET)
        self._judge()

    def on_response_complete(self) -> None:
        """The client has its answer; the next request may have begun to arrive by now."""
        super().on_response_complete()
        self._judge()

    def pause_writing(self) -> None:
        """The client takes less than there is for it."""
        super().pause_writing()
        _stop(self._stall_timer)
        self._stall_timer = self.loop.call_later(self.patience.stall_s, self.cut)

    def resume_writing(self) -> None:
        """The client has caught up."""
        _stop(self._stall_timer)
        super().resume_writing()

    def _judge(self) -> None:
        """Time a header that has begun; an idle connection has uvicorn's own time."""
        is_between = self.conn.their_state is h11.IDLE
        if is_between and self.conn.trailing_data[0]:
            self._await_header()
        else:
            _stop(self._header_timer)
            self._header_timer = None

    def _when_closed(self, linger: bytes) -> None:
        with suppress(OSError):  # it is closed already
            client = self.transport.get_extra_info("socket")
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)

    def _await_header(self) -> None:
        if self._header_timer is None:
            self._header_timer = self.loop.call_later(self.patience.header_s, self._give_up)

    def _give_up(self) -> None:
        if self.conn.their_state is h11.IDLE:
            self.transport.abort()


def patient_protocol(patience: Patience) -> type[PatientProtocol]:
    """The protocol with limits to its patience."""
    return type("ConfiguredProtocol", (PatientProtocol,), {"patience": patience})


def _stop(timer: asyncio.TimerHandle | None) -> None:
    if timer is not None:
        timer.cancel()
