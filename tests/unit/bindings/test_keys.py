"""Routing keys: what they are built of, what help keys ask, and which bound keys they reach."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tasks_bindings.errors import DefinitionError
from tasks_bindings.wire.keys import (
    ALL_DBS,
    HELP,
    HELP_PATTERNS,
    HelpQuestion,
    Part,
    Trigger,
    action_key,
    check_column,
    check_name,
    help_key,
    instance_key,
    matches,
    parse_help_key,
    part_key,
    verifier_key,
)

KAZOO_KEYS = ("foo.bar.zot", "foo.quux.zot", "foo.bar.quux.zot", "foo.zot", "foo", "xap")
KAZOO_TABLE = {
    "#": "yyyyyy",
    "foo.*.zot": "yynnnn",
    "foo.#.zot": "yyyynn",
    "*.bar.#": "ynynnn",
    "*": "nnnnyy",
    "#.tow": "nnnnnn",
    "#.quux.zot": "nyynnn",
    "xap.#": "nnnnny",
    "#.*": "yyyyyy",
    "#.bar.*": "ynnnnn",
}
"""Kazoo's own table of bound keys (rows) and published keys (columns)."""


@pytest.mark.parametrize(
    ("bound", "key", "expected"),
    [
        (bound, key, answer == "y")
        for bound, answers in KAZOO_TABLE.items()
        for key, answer in zip(KAZOO_KEYS, answers, strict=True)
    ],
)
def test_matching_agrees_with_kazoos_table(bound: str, key: str, *, expected: bool) -> None:
    assert matches(bound, key) is expected


@pytest.mark.parametrize(
    ("bound", "key", "expected"),
    [
        ("#.A.*", "A.a.A.a", True),
        ("foo.#.*", "foo", False),
        ("#.*", "", False),
        ("#.6.*.1.4.*", "6.a.a.6.a.1.4.a", True),
        ("*.u.*.7.7.#", "i.u.e.7.7.7.a", True),
        ("#.c.#.c.#", "c.c", True),
        ("#.Z.*.9.0.#", "1.Z.7.9.0.9.a.0", True),
        ("W0.*.m.m.#", "W0.m.m.m.5", True),
    ],
)
def test_matching_agrees_with_kazoos_odd_cases(bound: str, key: str, *, expected: bool) -> None:
    assert matches(bound, key) is expected


@pytest.mark.parametrize(
    ("bound", "key", "expected"),
    [
        ("tasks.skel.id2", "tasks.skel.id2", True),
        ("tasks.skel.id2", "tasks.skel.id22", False),
        ("tasks.skel", "tasks.*", False),
        ("tasks.*", "tasks.#", True),
        ("#", "", True),
        ("", "", True),
        ("", "tasks", False),
        ("#.#", "", True),
        ("tasks.#.#", "tasks", True),
    ],
)
def test_only_bound_keys_have_wildcards(bound: str, key: str, *, expected: bool) -> None:
    assert matches(bound, key) is expected


def oracle(pattern: list[str], words: list[str]) -> bool:
    """The rule as one would say it: try every way to use up the words."""
    if not pattern:
        return not words
    first, rest = pattern[0], pattern[1:]
    if first == "#":
        return any(oracle(rest, words[used:]) for used in range(len(words) + 1))
    return bool(words) and first in ("*", words[0]) and oracle(rest, words[1:])


WORDS = st.sampled_from(["a", "b", "tasks"])
PIECES = st.one_of(WORDS, st.sampled_from(["*", "#"]))


@given(st.lists(PIECES, min_size=1, max_size=6), st.lists(WORDS, max_size=6))
@example(["#", "a", "*"], ["a", "a", "a", "b"])
def test_matching_agrees_with_trying_everything(pattern: list[str], words: list[str]) -> None:
    assert matches(".".join(pattern), ".".join(words)) is oracle(pattern, words)


@given(st.lists(WORDS, min_size=1, max_size=6))
def test_a_key_without_wildcards_reaches_itself_alone(words: list[str]) -> None:
    key = ".".join(words)
    assert matches(key, key)
    assert not matches(key, f"{key}.a")
    assert not matches(f"{key}.a", key)


@pytest.mark.timeout(5)
def test_many_wildcards_take_no_time() -> None:
    assert not matches(".".join(["#", "a"] * 60), ".".join(["a"] * 59 + ["b"] * 60))


def test_keys_are_the_seeds() -> None:
    assert action_key("skel", "id2") == "tasks.skel.id2"
    assert part_key("skel", Part.OUTPUT_HEADER) == "tasks.skel.output_header"
    assert part_key("skel", Part.FINISH) == "tasks.skel.finish"
    assert part_key("skel", Part.CLEANUP) == "tasks.skel.cleanup"
    assert verifier_key("skel", "col1") == "tasks.skel.col1"
    assert verifier_key("number_management", "cnam.inbound") == (
        "tasks.number_management.cnam.inbound"
    )
    assert instance_key("abc") == "apps.instance.abc"


@pytest.mark.parametrize(
    ("key", "question"),
    [
        ("tasks.help", HelpQuestion(None, None)),
        ("tasks.skel.help", HelpQuestion("skel", None)),
        ("tasks.skel.help.id2", HelpQuestion("skel", "id2")),
    ],
)
def test_help_keys_say_what_is_asked_about(key: str, question: HelpQuestion) -> None:
    assert help_key(question.category, question.action) == key
    assert parse_help_key(key) == question
    assert sum(matches(pattern, key) for pattern in HELP_PATTERNS) == 1


@pytest.mark.parametrize("key", ["tasks", "tasks.skel.id2", "help", "tasks.a.b.help", ""])
def test_other_keys_are_no_help_keys(key: str) -> None:
    assert parse_help_key(key) is None
    assert not any(matches(pattern, key) for pattern in HELP_PATTERNS)


def test_help_for_all_is_the_plain_key() -> None:
    assert help_key() == HELP == "tasks.help"


@pytest.mark.parametrize("name", ["id2", "number_management", "a-b", "A" * 64])
def test_a_plain_name_can_be_a_word(name: str) -> None:
    assert check_name(name, "action") == name


@pytest.mark.parametrize("name", ["", "1st", "a.b", "a b", "*", "#", "é", "a\n", "A" * 65])
def test_another_name_cannot_be_a_word(name: str) -> None:
    with pytest.raises(DefinitionError, match="action"):
        check_name(name, "action")


@pytest.mark.parametrize("column", ["e164", "cnam.inbound", "account id", "prénom", "c" * 128])
def test_a_column_may_span_words(column: str) -> None:
    assert check_column(column) == column


@pytest.mark.parametrize("column", ["", " x", ".x", "a*", "a#b", "c" * 129])
def test_a_column_has_no_wildcards_and_begins_with_a_character(column: str) -> None:
    with pytest.raises(DefinitionError):
        check_column(column)


def test_triggers_on_databases_take_one() -> None:
    takers = {trigger for trigger in Trigger if trigger.takes_database}
    assert takers == set(ALL_DBS)
    assert {trigger.value for trigger in takers} == {
        "tasks.triggers.account",
        "tasks.triggers.account_mod",
        "tasks.triggers.system",
        "tasks.triggers.other",
    }
