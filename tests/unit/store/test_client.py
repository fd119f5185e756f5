"""What is promised of reads and writes does not depend on the address that an operator gives."""

from __future__ import annotations

from pymongo import ReadPreference

from kztasks.store.mongo import MongoStore

WEAK = "mongodb://127.0.0.1:1/?readPreference=secondary&w=0&journal=false"


async def test_an_address_weakens_neither_reads_nor_writes() -> None:
    store = MongoStore(WEAK, "kztasks")
    try:
        assert store._client.read_preference == ReadPreference.PRIMARY
        assert store._client.write_concern.document["w"] == "majority"
        assert store._client.write_concern.document["j"] is True
    finally:
        await store.close()
