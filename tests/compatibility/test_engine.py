"""The running engine answers as the original does, but for the rules that say where we differ."""

from __future__ import annotations

import pytest

from kztasks.csvio import CsvError, CsvReader
from kztasks.scheduler import sending, service
from tests.compatibility.dying import Dying, can_be_taken_over, once
from tests.compatibility.expected import ACCEPTED, REFUSED, as_seen, expected
from tests.compatibility.original.case import Answer, Case
from tests.compatibility.running import Running, answers_of

pytestmark = pytest.mark.store

EVERY_OTHER = [case for case in ACCEPTED[::2] if can_be_taken_over(case)]


def by_name(case: Case) -> str:
    return case.name


@pytest.fixture(scope="session")
def answers(store_url: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Answer]:
    """What the engine answers to all cases, run beside each other."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sending, "STOP_PATIENCE_S", 0.5)
        return answers_of(Running, store_url, tmp_path_factory.mktemp("running"), ACCEPTED)


@pytest.fixture(scope="session")
def answers_of_survivors(
    store_url: str, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Answer]:
    """What it answers while its schedulers die."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(service, "OBSERVE_S", 0.1)
        return answers_of(Dying, store_url, tmp_path_factory.mktemp("dying"), EVERY_OTHER)


@pytest.mark.parametrize("case", ACCEPTED, ids=by_name)
def test_a_task_comes_out_as_in_the_original_but_for_the_rules(
    case: Case, answers: dict[str, Answer]
) -> None:
    assert as_seen(answers[case.name]) == expected(case)


@pytest.mark.filterwarnings(  # who dies closes no files
    "ignore::pytest.PytestUnraisableExceptionWarning"
)
@pytest.mark.parametrize("case", EVERY_OTHER, ids=by_name)
def test_it_comes_out_the_same_when_its_owners_die(
    case: Case, answers_of_survivors: dict[str, Answer]
) -> None:
    assert once(as_seen(answers_of_survivors[case.name])) == once(expected(case))


@pytest.mark.parametrize("case", REFUSED, ids=by_name)
def test_a_csv_that_is_not_one_never_becomes_a_task(case: Case) -> None:
    with pytest.raises(CsvError):
        read(case)


def read(case: Case) -> None:
    """Read a CSV as it is read when it is uploaded."""
    assert case.csv is not None
    reader = CsvReader()
    reader.feed(case.csv.encode())
    reader.close()
    reader.read_header()
    while not reader.at_end:
        reader.take(1000)
