"""The sample job of `kztasks dev`: a CSV through the HTTP API, watched on the terminal."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Final

import httpx
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from kztasks.errors import Unavailable
from kztasks.processes.dev import DevSite

ROWS: Final = 200
POLL_S: Final = 0.2
LOOKUP_S: Final = 10.0


def sample_csv() -> str:
    """200 rows for `skel.id2`, each cell different."""
    rows = (f"+1415555{number:04d},customer {number}" for number in range(1, ROWS + 1))
    return "col1,col2\n" + "\n".join(rows) + "\n"


async def run_sample(site: DevSite, console: Console) -> bool:
    """Create, start and watch the sample task; print its document and where `out.csv` is.

    Returns:
        Whether its status is `success`.

    Raises:
        Unavailable: the sample app does not show up, or the front refuses the job.
    """
    tasks = f"/v2/accounts/{site.account_id}/tasks"
    async with httpx.AsyncClient(
        base_url=site.url, headers={"X-Auth-Token": site.token}, timeout=30
    ) as client:
        await _wait_for_action(client)
        created = await client.put(
            tasks,
            params={"category": "skel", "action": "id2", "file_name": "sample.csv"},
            content=sample_csv(),
            headers={"Content-Type": "text/csv"},
        )
        task = f"{tasks}/{_data(created)['_read_only']['id']}"
        _data(await client.patch(task))
        document = await _watch(client, task, console)
        console.print_json(data=document)
        output = await client.get(f"{task}/output")
        path = site.folder / "sample_out.csv"
        if output.is_success:
            path.write_bytes(output.content)
            console.print(f"out.csv: {path}", soft_wrap=True, highlight=False)
    return bool(document["_read_only"]["status"] == "success")


async def _wait_for_action(client: httpx.AsyncClient) -> None:
    query = {"category": "skel", "action": "id2"}
    for _ in range(int(LOOKUP_S / POLL_S)):
        if (await client.get("/v2/tasks", params=query)).is_success:
            return
        await asyncio.sleep(POLL_S)
    raise Unavailable(f"skel.id2 did not show up in GET /v2/tasks within {LOOKUP_S:g} s")


async def _watch(client: httpx.AsyncClient, task: str, console: Console) -> dict[str, Any]:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console) as progress:
        bar = progress.add_task("skel.id2", total=ROWS)
        while True:
            document = _data(await client.get(task))
            shown = document["_read_only"]
            done = shown.get("success_count", 0) + shown.get("failure_count", 0)
            progress.update(bar, completed=done, description=f"skel.id2 {shown['status']}")
            if shown["status"] not in {"pending", "executing"}:
                return document
            await asyncio.sleep(POLL_S)


def _data(response: httpx.Response) -> dict[str, Any]:
    body: Mapping[str, Any] = response.json()
    if response.is_error:
        raise Unavailable(f"the front answered {response.status_code}: {body.get('data')}")
    data: dict[str, Any] = body["data"]
    return data


def greeting(site: DevSite) -> str:
    """What a user of `kztasks dev` is told first."""
    return f"""kztasks dev serves {site.url}
  account  {site.account_id}
  token    {site.token}
  apps     {", ".join(site.apps)}
  data     {site.folder} (delete it to start anew)
"""


def next_steps(site: DevSite) -> str:
    """What a user may try after the sample job."""
    tasks = f"{site.url}/v2/accounts/{site.account_id}/tasks"
    return f"""
Try it yourself:
  curl {site.url}/v2/tasks
  curl -H 'X-Auth-Token: {site.token}' {tasks}
Ctrl-C ends it. The tasks are still there after the next start.
"""
