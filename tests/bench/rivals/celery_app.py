"""What a team writes with Celery: a task for each row, or for each batch of rows."""

from __future__ import annotations

import os

from celery import Celery

from tests.bench.rivals.files import identity

app = Celery("rival", broker=os.getenv("BENCH_AMQP_URL"), backend="rpc://")
app.conf.broker_connection_retry_on_startup = True


@app.task(name="row")
def row(args: dict[str, str]) -> list[str]:
    """One row."""
    return identity(args)


@app.task(name="batch")
def batch(header: list[str], rows: list[list[str]]) -> list[list[str]]:
    """Many rows."""
    return [identity(dict(zip(header, cells, strict=True))) for cells in rows]
