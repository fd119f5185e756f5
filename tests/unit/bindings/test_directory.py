"""Which apps are alive and what they serve, from what was heard of them."""

from __future__ import annotations

from typing import Any

from tasks_bindings.directory import SILENCE_LIMIT_S, Directory, Refusal
from tasks_bindings.wire.messages import AppIdentity, Beat, Down, Help, HelpReply, Metadata


def identity(name: str, instance: str = "1") -> AppIdentity:
    return AppIdentity(name=name, instance=f"{name}-{instance}", version="0")


def metadata(description: str = "A sample", **more: Any) -> Metadata:
    return Metadata(description=description, **more)


def serving(help: Help | None = None, **actions: Metadata) -> Help:  # noqa: A002
    return help if help is not None else {"cat": dict(actions)}


def reply(
    name: str,
    served: Help,
    *,
    instance: str = "1",
    digest: str = "d",
    keys: tuple[str, ...] = (),
    up_ms: int = 0,
    **more: Any,
) -> HelpReply:
    app = identity(name, instance)
    return HelpReply(app=app, help=served, bindings=keys, digest=digest, up_ms=up_ms, **more)


def beat(name: str, *, instance: str = "1", digest: str = "d") -> Beat:
    return Beat(app=identity(name, instance), digest=digest)


def test_an_instance_is_asked_for_help_when_it_is_new_or_has_changed() -> None:
    directory = Directory()
    assert directory.heard_beat(beat("a"), 0.0)
    directory.heard_help(reply("a", serving(act=metadata())), 0.0)
    assert not directory.heard_beat(beat("a"), 1.0)
    assert directory.heard_beat(beat("a", digest="other"), 2.0)


def test_what_an_instance_serves_is_known_once_it_has_said_so() -> None:
    directory = Directory()
    directory.heard_beat(beat("a"), 0.0)
    assert directory.help() == {}
    assert directory.app_for("cat", "act") is None
    directory.heard_help(reply("a", serving(act=metadata())), 0.0)
    assert directory.metadata("cat", "act") == metadata()
    assert directory.app_for("cat", "act") == "a"


def test_an_instance_that_serves_something_else_now_is_believed() -> None:
    directory = Directory()
    directory.heard_help(reply("a", serving(old=metadata())), 0.0)
    directory.heard_help(reply("a", serving(new=metadata()), digest="other"), 1.0)
    assert list(directory.help()["cat"]) == ["new"]


def test_the_version_grows_with_what_is_served_and_with_nothing_else() -> None:
    directory = Directory()
    versions = [directory.version]

    def note() -> None:
        versions.append(directory.version)

    directory.heard_help(reply("a", serving(act=metadata())), 0.0)
    note()
    directory.heard_beat(beat("a"), 1.0)
    directory.heard_help(reply("a", serving(act=metadata())), 1.0)
    directory.heard_down(Down(app=identity("unknown")))
    directory.expire(1.0)
    note()
    directory.heard_down(Down(app=identity("a")))
    note()
    assert versions == [0, 1, 1, 2]


def test_help_is_narrowed_to_a_category_or_an_action() -> None:
    directory = Directory()
    both = {"cat": {"x": metadata("x"), "y": metadata("y")}, "dog": {"x": metadata("z")}}
    directory.heard_help(reply("a", both), 0.0)
    assert directory.help() == both
    assert directory.help("cat") == {"cat": both["cat"]}
    assert directory.help("cat", "y") == {"cat": {"y": metadata("y")}}
    assert directory.help("cat", "unknown") == {}
    assert directory.metadata("dog", "y") is None


def test_an_instance_that_is_silent_for_too_long_is_gone() -> None:
    directory = Directory()
    directory.heard_help(reply("a", serving(act=metadata())), 0.0)
    directory.heard_help(reply("b", serving(act=metadata())), 0.0)
    directory.heard_beat(beat("a"), 5.0)
    assert directory.expire(SILENCE_LIMIT_S) == []
    assert directory.expire(SILENCE_LIMIT_S + 0.1) == [identity("b")]
    assert [one.app.name for one in directory.instances] == ["a"]


def test_repeated_help_is_a_sign_of_life() -> None:
    directory = Directory()
    directory.heard_help(reply("a", serving(act=metadata())), 0.0)
    directory.heard_help(reply("a", serving(act=metadata())), 5.0)
    assert directory.expire(SILENCE_LIMIT_S + 1) == []


def test_an_instance_that_says_goodbye_is_gone_at_once_and_its_twin_stays() -> None:
    directory = Directory()
    for instance in ("1", "2"):
        directory.heard_help(reply("a", serving(act=metadata()), instance=instance), 0.0)
    directory.heard_down(Down(app=identity("a", "1")))
    assert [one.app.instance for one in directory.instances] == ["a-2"]
    assert directory.app_for("cat", "act") == "a"


def test_apps_that_serve_the_same_action_take_turns() -> None:
    directory = Directory()
    for name in ("a", "b", "c"):
        directory.heard_help(reply(name, serving(act=metadata())), 0.0)
    chosen = [directory.app_for("cat", "act") for _ in range(6)]
    assert sorted(chosen[:3]) == ["a", "b", "c"]  # type: ignore[type-var]
    assert chosen[:3] == chosen[3:]


def test_instances_of_one_app_share_its_queue_and_count_once() -> None:
    directory = Directory()
    directory.heard_help(reply("a", serving(act=metadata()), instance="1"), 0.0)
    directory.heard_help(reply("a", serving(act=metadata()), instance="2"), 0.0)
    directory.heard_help(reply("b", serving(act=metadata())), 0.0)
    assert {directory.app_for("cat", "act") for _ in range(2)} == {"a", "b"}


def test_an_app_that_claims_an_action_with_other_metadata_gets_no_rows_of_it() -> None:
    directory = Directory()
    directory.heard_help(reply("a", serving(act=metadata())), 0.0)
    directory.heard_help(reply("b", serving(act=metadata(mandatory=("x",)))), 0.0)
    assert {directory.app_for("cat", "act") for _ in range(4)} == {"a"}
    assert directory.metadata("cat", "act") == metadata()
    assert directory.refusals() == [Refusal("cat", "act", serving="a", refused="b", instance="b-1")]


def test_the_app_that_has_served_for_longer_keeps_the_action_whoever_is_heard_first() -> None:
    directory = Directory()
    directory.heard_help(reply("young", serving(act=metadata("new")), up_ms=1_000), 100.0)
    directory.heard_help(reply("old", serving(act=metadata("old")), up_ms=60_000), 100.1)
    assert directory.app_for("cat", "act") == "old"
    assert [(one.serving, one.refused) for one in directory.refusals()] == [("old", "young")]


def test_a_new_version_of_an_app_is_not_refused_by_the_old_one() -> None:
    directory = Directory()
    directory.heard_help(reply("a", serving(act=metadata("old")), instance="1"), 0.0)
    directory.heard_help(reply("a", serving(act=metadata("new")), instance="2"), 1.0)
    assert directory.refusals() == []
    assert directory.metadata("cat", "act") == metadata("old")
    directory.heard_down(Down(app=identity("a", "1")))
    assert directory.metadata("cat", "act") == metadata("new")


def test_once_the_first_one_is_gone_the_other_serves_the_action() -> None:
    directory = Directory()
    directory.heard_help(reply("a", serving(act=metadata())), 0.0)
    directory.heard_help(reply("b", serving(act=metadata("other"))), 0.0)
    directory.heard_down(Down(app=identity("a")))
    assert directory.app_for("cat", "act") == "b"
    assert directory.metadata("cat", "act") == metadata("other")
    assert directory.refusals() == []


def test_apps_are_found_by_a_key_that_they_are_bound_to_with_wildcards_too() -> None:
    directory = Directory()
    directory.heard_help(reply("a", {}, keys=("tasks.triggers.day",)), 0.0)
    directory.heard_help(reply("b", {}, keys=("tasks.triggers.*",)), 0.0)
    directory.heard_help(reply("b", {}, instance="2", keys=("tasks.triggers.*",)), 0.0)
    assert directory.apps_bound_to("tasks.triggers.day") == ["a", "b"]
    assert directory.apps_bound_to("tasks.triggers.hour") == ["b"]


def test_the_capacity_of_an_app_is_what_its_live_instances_run_at_the_same_time() -> None:
    directory = Directory()
    assert directory.capacity("a") == 0
    directory.heard_help(reply("a", serving(act=metadata()), concurrency=3), 0.0)
    directory.heard_help(reply("a", serving(act=metadata()), instance="2"), 0.0)
    directory.heard_help(reply("b", serving(act=metadata()), concurrency=100), 0.0)
    assert directory.capacity("a") == 3 + 8  # one that does not say it has the default of an app

    directory.heard_down(Down(app=identity("a", "2")))
    assert directory.capacity("a") == 3


def test_an_output_header_is_known_if_all_instances_of_the_app_announce_the_same() -> None:
    directory = Directory()
    act, add, other = metadata(), {"add": ["x"]}, {"replace": ["y"]}

    def heard(name: str, instance: str, announced: dict[str, Any]) -> None:
        headers = {"cat": {"act": announced}} if announced else {}
        directory.heard_help(reply(name, serving(act=act), instance=instance, headers=headers), 0.0)

    assert directory.output_header("a", "cat", "act") is None
    heard("a", "1", add)
    heard("a", "2", add)
    heard("b", "1", other)
    directory.heard_help(reply("a", serving(another=act), instance="3"), 0.0)
    assert directory.output_header("a", "cat", "act") == add
    assert directory.output_header("b", "cat", "act") == other
    assert directory.output_header("a", "cat", "another") is None

    heard("a", "4", {})
    assert directory.output_header("a", "cat", "act") is None, "that one has to be asked"
    directory.heard_down(Down(app=identity("a", "4")))
    heard("a", "5", other)
    assert directory.output_header("a", "cat", "act") is None, "nobody knows who runs the rows"
