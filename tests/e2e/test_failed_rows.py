"""The failed rows of a task can be fetched and run again."""

from __future__ import annotations

from tests.servers.cluster import Client, Cluster


def picky_app(cluster: Cluster) -> None:
    (cluster.folder / "picky.py").write_text(
        "from pathlib import Path\n\n"
        "from tasks_bindings import App, Category, error, row\n\n"
        'numbers = Category("numbers")\n'
        'MENDED = Path(__file__).with_name("mended")\n\n\n'
        '@numbers.csv_action("halve", description="Halve even numbers", mandatory=["n"],\n'
        '                    output_header=["half", "error"], wait_after_row_ms=0)\n'
        "def halve(context, data, args):\n"
        '    number = int(args["n"])\n'
        "    if number % 2 and not MENDED.exists():\n"
        '        return error("odd")\n'
        "    return row([str(number / 2)])\n\n\n"
        'app = App("picky", numbers)\n'
    )
    cluster.app("picky:app", folder=cluster.folder)


def test_errors_are_the_failed_lines_and_a_rerun_is_a_task_of_the_failed_rows(
    cluster: Cluster, client: Client
) -> None:
    cluster.scheduler()
    picky_app(cluster)
    client.wait_for_action("numbers", "halve")
    rows = 5_001
    csv = ("n,note\n" + "".join(f'{n},"a ""{n}"""\n' for n in range(1, rows + 1))).encode()
    task_id = client.create("numbers", "halve", csv)
    early = client.http.post(f"{client.tasks}/{task_id}/rerun")
    client.begin(task_id)
    document = client.wait_for_end(task_id)
    errors = client.http.get(f"{client.tasks}/{task_id}/errors")
    (cluster.folder / "mended").touch()
    again = client.http.post(f"{client.tasks}/{task_id}/rerun?start=true")

    assert early.status_code == 409
    odd = range(1, rows + 1, 2)
    assert document["status"] == "partial"
    assert document["failure_count"] == len(odd)
    assert errors.status_code == 200
    assert errors.headers["content-type"] == "text/csv"
    assert errors.text == '"n","note","half","error"\n' + "".join(
        f'"{n}","a ""{n}""",,"odd"\n' for n in odd
    )
    assert again.status_code == 201, again.text
    rerun = client.wait_for_end(again.json()["data"]["_read_only"]["id"])
    assert (rerun["status"], rerun["total_count"]) == ("success", len(odd))
    assert (
        client.output(rerun["id"])
        == b'"n","note","half"\n' + "".join(f'"{n}","a ""{n}""","{n / 2}"\n' for n in odd).encode()
    )


def test_a_task_without_failed_rows_has_no_rerun(cluster: Cluster, client: Client) -> None:
    cluster.scheduler()
    picky_app(cluster)
    client.wait_for_action("numbers", "halve")
    task_id = client.create("numbers", "halve", b"n\n2\n4\n")
    client.begin(task_id)
    client.wait_for_end(task_id)

    assert client.http.get(f"{client.tasks}/{task_id}/errors").text == '"n","half"\n'
    refused = client.http.post(f"{client.tasks}/{task_id}/rerun")
    assert refused.status_code == 400
    assert "csv" in refused.json()["data"]
