"""The wire protocol: routing keys, topology, messages and their bytes. Pure: no I/O here."""
