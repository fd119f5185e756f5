"""Everything that can go wrong on the app side and on the bus, as one tree.

BindingsError
├── DefinitionError            an app's author has to change the app; raised at import time
├── BadBrokerUrl               the broker's URL is none, or would send passwords in the clear
├── BusError
│   ├── BusUnavailable         no session with the broker, or it was lost while waiting
│   ├── Unroutable             the broker has no queue for the routing key
│   ├── NoHandler              no live app is bound to the key
│   │   └── CallRefused        the app that was asked does not take the request
│   ├── PublishTimeout         the broker did not confirm in time
│   └── ReplyTimeout           nobody answered in time
├── WireError
│   ├── DecodeError            not JSON, or not the message that was expected
│   ├── UnsupportedVersion     a protocol version that this process does not speak
│   └── MessageTooLarge        over the limit for one message
└── ExecutionError
    ├── BadReturn              a handler returned what no rule covers
    └── StateTooLarge          the `Data` of a handler is over the limit
"""

from __future__ import annotations

from typing import ClassVar


class BindingsError(Exception):
    """Root of all errors of this package; `code` is stable and safe to match on."""

    code: ClassVar[str] = "bindings_error"


class DefinitionError(BindingsError, TypeError):
    """An app is not well defined; the sentence says what to change."""

    code = "bad_definition"


class BadBrokerUrl(BindingsError, ValueError):
    """No process may connect there; the sentence says what to change, and holds no password."""

    code = "bad_broker_url"


class BusError(BindingsError):
    """A message could not be sent, or was not answered."""

    code = "bus_error"


class BusUnavailable(BusError):
    """There is no session with the broker, or it was lost while waiting."""

    code = "bus_unavailable"


class Unroutable(BusError):
    """The broker has no queue for this routing key; known at once, without waiting."""

    code = "unroutable"


class NoHandler(BusError):
    """No live app is bound to this key."""

    code = "no_handler"


class CallRefused(NoHandler):
    """The app that was asked does not take the request; `reason` is its own code for why."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class PublishTimeout(BusError):
    """The broker did not confirm a message in time; whether it has it is unknown."""

    code = "publish_timeout"


class ReplyTimeout(BusError):
    """Nobody answered in time; whether somebody did the work is unknown."""

    code = "reply_timeout"


class WireError(BindingsError):
    """A message does not follow the protocol."""

    code = "wire_error"


class DecodeError(WireError):
    """The bytes are not JSON, or not the message that was expected."""

    code = "undecodable"


class UnsupportedVersion(WireError):
    """The message has a protocol version that this process does not speak."""

    code = "unsupported_version"


class MessageTooLarge(WireError):
    """The message is over the limit for one message."""

    code = "message_too_large"


class ExecutionError(BindingsError):
    """An action's handler broke a rule while it ran."""

    code = "execution_error"


class BadReturn(ExecutionError):
    """A handler returned what no rule of the seed's list covers."""

    code = "bad_return"


class StateTooLarge(ExecutionError):
    """The `Data` that a handler handed on is over the limit."""

    code = "state_too_large"
