"""A running instance: it takes work from its app's queue, answers, and says that it is alive."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable

import pytest

from tasks_bindings import App, Context, Environment, Row, ok
from tasks_bindings.bus import Message
from tasks_bindings.errors import Unroutable
from tasks_bindings.sdk import dispatch
from tasks_bindings.wire import codec
from tasks_bindings.wire.keys import (
    APPS_CANCEL,
    APPS_DOWN,
    HELP,
)
from tasks_bindings.wire.messages import (
    BatchReply,
    Call,
    CallReply,
    Cancel,
    Down,
    HelpRequest,
    MessageType,
    Progress,
    Refused,
)
from tasks_bindings.wire.topology import BINDINGS
from tests.unit.bindings.cluster import PATIENCE_S, Cluster, decoded
from tests.unit.bindings.support import TASK, batch, csv_app, numbered


class Held:
    """An app whose handler waits to be let go."""

    def __init__(self) -> None:
        self.calls = 0
        self.repeated: list[bool] = []
        self.entered = asyncio.Event()
        self.go_on = asyncio.Event()

    def app(self) -> App:
        async def handler(context: Context, _data: object, _row: Row) -> object:
            self.calls += 1
            self.repeated.append(context.maybe_repeated)
            self.entered.set()
            await self.go_on.wait()
            return ok()

        return csv_app(handler)


async def quick(_context: Context, _data: object, args: Row) -> object:
    return ok(args["a"])


async def soon(awaited: Awaitable[object]) -> object:
    async with asyncio.timeout(PATIENCE_S):
        return await awaited


async def test_a_batch_that_is_sent_to_the_apps_queue_is_answered(cluster: Cluster) -> None:
    running = await cluster.run(csv_app(quick))
    *signs, answer = await cluster.send(batch(numbered(3)))
    assert {sign.type for sign in signs} == {MessageType.PROGRESS}
    assert answer.type == MessageType.BATCH_REPLY
    reply = codec.decode(answer.body, BatchReply)
    assert reply.returns == [{"ok": True, "next": "data"}] * 3
    assert (reply.data, reply.app) == ('"3"', running.runner.identity)


async def test_instances_of_an_app_share_its_rows_and_have_names_of_their_own(
    cluster: Cluster,
) -> None:
    first, second = await cluster.run(csv_app(quick)), await cluster.run(csv_app(quick))
    answers = [await cluster.send(batch(numbered(1), seq=seq)) for seq in range(4)]
    served = {decoded(one, BatchReply).app.instance for one in answers}
    assert served == {first.runner.identity.instance, second.runner.identity.instance}


async def test_a_request_that_the_app_cannot_take_is_refused_with_a_code(cluster: Cluster) -> None:
    await cluster.run(csv_app(quick))
    answers = await cluster.ask("sample", "tasks.cat.act", batch(numbered(1), action="other"))
    assert answers[-1].type == MessageType.REFUSED
    assert decoded(answers, Refused).code == "unknown_action"


async def test_a_key_that_the_app_does_not_serve_is_known_at_once_to_have_no_queue(
    cluster: Cluster,
) -> None:
    await cluster.run(csv_app(quick))
    with pytest.raises(Unroutable):
        await cluster.ask("sample", "tasks.cat.other", batch(numbered(1)))
    with pytest.raises(Unroutable):
        await cluster.ask("other", "tasks.cat.act", batch(numbered(1)))


@pytest.mark.parametrize(
    ("body", "kind"),
    [(b"garbage", "batch"), (b"{}", "batch"), (b"{}", "call"), (b"{}", "pickle"), (b"{}", "")],
)
async def test_a_bad_message_is_dead_lettered_and_the_next_one_is_served(
    cluster: Cluster, body: bytes, kind: str
) -> None:
    await cluster.run(csv_app(quick))
    message = Message(body=body, type=kind)
    await cluster.bus.publish(BINDINGS.name, "sample.tasks.cat.act", message)
    await soon(cluster.broker.settled())
    assert [letter.death_reason for letter in cluster.broker.dead_letters] == ["rejected"]
    assert decoded(await cluster.send(batch(numbered(1))), BatchReply).returns


async def test_a_requester_that_is_gone_gets_no_rows_run_and_does_not_hurt(
    cluster: Cluster,
) -> None:
    held = Held()
    held.go_on.set()
    await cluster.run(held.app())
    message = Message(
        body=codec.encode(batch(numbered(1), seq=7)), type=MessageType.BATCH, reply_to="gone"
    )
    await cluster.bus.publish(BINDINGS.name, "sample.tasks.cat.act", message)
    await soon(cluster.broker.settled())
    assert held.calls == 0
    assert cluster.broker.dead_letters == ()
    assert decoded(await cluster.send(batch(numbered(1))), BatchReply).returns


async def test_a_batch_whose_process_dies_is_run_by_another_which_is_told(
    cluster: Cluster,
) -> None:
    first, second = Held(), Held()
    second.go_on.set()
    dying = await cluster.run(first.app())
    asking = asyncio.create_task(cluster.send(batch(numbered(1))))
    await soon(first.entered.wait())
    alive = await cluster.run(second.app())
    await dying.die()
    answer = decoded(await asking, BatchReply)
    assert answer.app == alive.runner.identity
    assert (first.repeated, second.repeated) == ([False], [True])


async def test_a_batch_that_is_delivered_again_to_the_same_process_is_run_once(
    cluster: Cluster,
) -> None:
    held = Held()
    running = await cluster.run(held.app())
    asking = asyncio.create_task(cluster.send(batch(numbered(1))))
    await soon(held.entered.wait())
    running.bus.disconnect()
    await running.bus.wait_ready(PATIENCE_S)
    held.go_on.set()
    assert decoded(await asking, BatchReply).returns == [{"ok": True}]
    assert held.calls == 1


async def test_while_a_batch_runs_its_requester_hears_how_far_it_is(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatch, "PROGRESS_INTERVAL_S", 0.02)
    held = Held()
    await cluster.run(held.app())
    message = Message(body=codec.encode(batch(numbered(1))), type=MessageType.BATCH)
    async with cluster.bus.call(BINDINGS.name, "sample.tasks.cat.act", message) as call:
        first = (await call.receive(PATIENCE_S)).message
        held.go_on.set()
        while (await call.receive(PATIENCE_S)).message.type != MessageType.BATCH_REPLY:
            pass
    assert codec.decode(first.body, Progress).done == 0


async def test_a_cancel_reaches_every_instance(cluster: Cluster) -> None:
    held = Held()
    await cluster.run(held.app())
    await cluster.run(csv_app(quick, columns=("a",)))
    asking = asyncio.create_task(cluster.send(batch(numbered(3))))
    await soon(held.entered.wait())
    cancel = Message(
        body=codec.encode(Cancel(task_id=TASK, epoch=1, seq=1)), type=MessageType.CANCEL
    )
    await cluster.bus.publish(BINDINGS.name, APPS_CANCEL, cancel)
    await cluster.ask_raw(HELP, codec.encode(HelpRequest()), MessageType.HELP)  # it comes after
    held.go_on.set()
    assert len(decoded(await asking, BatchReply).returns) == 1


async def test_a_leaving_instance_says_goodbye_ends_its_batch_and_takes_no_other(
    cluster: Cluster,
) -> None:
    held = Held()
    heard = await cluster.listen(APPS_DOWN)
    running = await cluster.run(
        held.app(),
    )
    asking = asyncio.create_task(cluster.send(batch(numbered(1))))
    await soon(held.entered.wait())
    leaving = asyncio.create_task(running.leave())
    assert (await heard.next(MessageType.DOWN, Down)).app == running.runner.identity
    later = asyncio.create_task(cluster.send(batch(numbered(1), seq=2)))
    held.go_on.set()
    assert decoded(await asking, BatchReply).returns == [{"ok": True}]
    assert await leaving
    assert held.calls == 1
    successor = await cluster.run(csv_app(quick))
    assert decoded(await later, BatchReply).app == successor.runner.identity


async def test_a_batch_that_does_not_end_in_time_is_left_to_another(cluster: Cluster) -> None:
    held = Held()
    running = await cluster.run(held.app())
    asking = asyncio.create_task(cluster.send(batch(numbered(1))))
    await soon(held.entered.wait())
    assert not await running.runner.close(drain_s=0.01)
    await running.bus.close()
    successor = await cluster.run(csv_app(quick))
    assert decoded(await asking, BatchReply).app == successor.runner.identity


async def test_an_app_runs_as_many_batches_at_once_as_it_says(cluster: Cluster) -> None:
    held = Held()
    category = held.app().categories[0]
    await cluster.run(App("sample", category, concurrency=2))
    asking = [asyncio.create_task(cluster.send(batch(numbered(1), seq=seq))) for seq in range(3)]
    async with asyncio.timeout(PATIENCE_S):
        while held.calls < 2:
            held.entered.clear()
            await held.entered.wait()
    question = codec.encode(HelpRequest())
    await cluster.ask_raw(HELP, question, MessageType.HELP)  # a third one would have come by now
    assert held.calls == 2
    held.go_on.set()
    await asyncio.gather(*asking)
    assert held.calls == 3


async def test_start_hooks_run_before_the_first_request_and_stop_hooks_after_the_last(
    cluster: Cluster,
) -> None:
    happened: list[str] = []

    async def handler(_context: Context, _data: object, _row: Row) -> object:
        happened.append("row")
        return ok()

    app = csv_app(handler)

    @app.on_start
    async def opened(environment: Environment) -> None:
        with pytest.raises(Unroutable):
            await cluster.send(batch(numbered(1)))
        happened.append(f"start {environment.get('PLACE', '')}")

    @app.on_start
    def opened_too(_environment: Environment) -> None:
        happened.append("start too")

    @app.on_stop
    def closed(environment: Environment) -> None:
        happened.append(f"stop {environment.get('PLACE', '')}")

    running = await cluster.run(app, PLACE="here")
    await cluster.send(batch(numbered(1)))
    await running.leave()
    assert happened == ["start here", "start too", "row", "stop here"]


async def test_callbacks_are_called_by_their_keys(cluster: Cluster) -> None:
    app = csv_app(quick, output_header=["x"])
    await cluster.run(app)
    request = Call(key="tasks.cat.output_header", args=("act",))
    answers = await cluster.ask("sample", request.key, request, MessageType.CALL)
    [result] = decoded(answers, CallReply).results
    assert result.value == {"add": ["x"]}
