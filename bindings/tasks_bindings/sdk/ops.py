"""What an app process tells probes: is it alive, is it ready; if not, why."""

from __future__ import annotations

from collections.abc import Callable

from tasks_bindings.ops import Page, Pages, json_page


def app_pages(not_ready: Callable[[], list[str]], stuck: Callable[[], list[str]]) -> Pages:
    """`/livez`, also as `/healthz`, and `/readyz`.

    `/livez` is 200 as long as the event loop turns and no handler is stuck. `/readyz` is 200 when
    the instance takes rows of everything that it serves, else 503. The JSON says why.

    Args:
        not_ready: asked for the reasons.
        stuck: asked for the handlers that do not return.
    """

    async def alive() -> Page:
        why = stuck()
        return json_page(503 if why else 200, {"alive": not why} | ({"stuck": why} if why else {}))

    async def ready() -> Page:
        why = not_ready()
        return json_page(503 if why else 200, {"ready": not why, "not_ready": why})

    return {"/livez": alive, "/healthz": alive, "/readyz": ready}
