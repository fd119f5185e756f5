"""To which brokers a process connects.

A password and every row go over the connection. So it is encrypted, and the broker proves who it
is, unless both ends are on this machine or the operator insists.
"""

from __future__ import annotations

from ipaddress import ip_address
from typing import Final

import structlog
from yarl import URL

from tasks_bindings.errors import BadBrokerUrl

_log = structlog.get_logger(__name__)

_INSIST: Final = "or set KZTASKS_INSECURE_AMQP=1 if nobody else can reach the network between them"
_NOT_VERIFIED: Final = "no_verify_ssl"
"""The driver's parameter for a broker that need not prove anything; any value but 0 means yes."""


def checked_url(url: str, *, insecure: bool = False) -> URL:
    """The broker's URL.

    Args:
        url: `amqp://` or `amqps://`, with the driver's parameters: `cafile` (of authorities, in
            place of the system's), `certfile` and `keyfile` (of this process).
        insecure: whether a broker is good that does not prove who it is.

    Raises:
        BadBrokerUrl: it is none, or not secure.
    """
    parsed = URL(url)
    if parsed.scheme not in {"amqp", "amqps"} or parsed.host is None:
        raise BadBrokerUrl("the broker's URL must begin with amqp:// or amqps:// and name a host")
    why = _insecurity(parsed)
    if why is None:
        return parsed
    if not insecure:
        raise BadBrokerUrl(f"{why}: use amqps:// and a certificate that can be verified, {_INSIST}")
    _log.warning("broker_insecure", broker=parsed.host, why=why)
    return parsed


def _insecurity(url: URL) -> str | None:
    """What is not secure about it."""
    if url.scheme == "amqp" and not _is_here(url.host or ""):
        return f"amqp:// to {url.host} sends the password and all rows in the clear"
    if any(value != "0" for value in url.query.getall(_NOT_VERIFIED, [])):
        return f"with {_NOT_VERIFIED} anybody may be the broker"
    return None


def _is_here(host: str) -> bool:
    if host.lower() == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
