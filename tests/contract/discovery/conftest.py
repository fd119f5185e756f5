"""Both transports, as for the bus itself."""

from __future__ import annotations

from tests.contract.bus.conftest import transport

__all__ = ["transport"]
