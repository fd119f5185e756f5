"""What an app process tells from outside: is it alive, is it ready; if not, why; its metrics."""

from __future__ import annotations

from collections.abc import Callable

from tasks_bindings.metrics_text import CONTENT_TYPE
from tasks_bindings.ops import Page, Pages, json_page


def app_pages(
    not_ready: Callable[[], list[str]],
    stuck: Callable[[], list[str]],
    metrics: Callable[[], bytes],
) -> Pages:
    """`/livez`, also as `/healthz`; `/readyz`, and `/metrics`.

    `/livez` is 200 as long as the event loop turns and no handler is stuck. `/readyz` is 200 when
    the instance takes rows of everything that it serves, else 503. The JSON says why.

    Args:
        not_ready: asked for the reasons.
        stuck: asked for the handlers that do not return.
        metrics: asked for the text for Prometheus.
    """

    async def alive() -> Page:
        why = stuck()
        return json_page(503 if why else 200, {"alive": not why} | ({"stuck": why} if why else {}))

    async def ready() -> Page:
        why = not_ready()
        return json_page(503 if why else 200, {"ready": not why, "not_ready": why})

    async def counters() -> Page:
        return Page(200, metrics(), CONTENT_TYPE)

    return {"/livez": alive, "/healthz": alive, "/readyz": ready, "/metrics": counters}
