"""The bus inside one process, for `kztasks dev` and for testing apps; no broker to install."""

from tasks_bindings.bus.memory.broker import MemoryBroker
from tasks_bindings.bus.memory.bus import MemoryBus

__all__ = ["MemoryBroker", "MemoryBus"]
