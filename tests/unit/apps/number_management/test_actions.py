"""What the app says of its tasks, and what it refuses before a handler sees a row."""

from __future__ import annotations

import pytest

from apps.number_management import app
from apps.number_management.columns import LIST
from apps.number_management.errors import Misconfigured
from apps.number_management.settings import Settings
from tasks_bindings import Environment, Replace
from tasks_bindings.testing import run_action

CATEGORY = "number_management"

TEXTS = {
    "list": "List all numbers assigned to the account starting the task",
    "find": "List the given numbers if the authenticated account owns them",
    "dump": "List all numbers that exist in the system",
    "import": "Bulk-import numbers using superadmin privileges",
    "assign_to": "Bulk-assign numbers to the provided account",
    "release": "Unassign numbers from accounts",
    "reserve": "Bulk-reserve numbers",
    "delete": "Bulk-remove numbers",
}
OPTIONAL = {
    "import": tuple(column for column in LIST if column != "e164"),
    "assign_to": ("account_id",),
    "reserve": ("account_id",),
}


def test_the_app_offers_these_tasks() -> None:
    assert {name: one.description for name, one in app.help()[CATEGORY].items()} == TEXTS


@pytest.mark.parametrize("name", ["list", "dump"])
def test_lists_take_no_input_and_write_every_column(name: str) -> None:
    action = app.action(CATEGORY, name)
    assert action is not None
    assert action.metadata.is_noinput
    assert action.header == LIST


@pytest.mark.parametrize("name", ["find", "import", "assign_to", "release", "reserve", "delete"])
def test_tasks_on_given_numbers_want_e164_and_write_every_column_and_the_error(name: str) -> None:
    action = app.action(CATEGORY, name)
    assert action is not None
    assert action.metadata.expected_content == "text/csv"
    assert action.metadata.mandatory == ("e164",)
    assert action.metadata.optional == OPTIONAL.get(name, ())
    assert action.header == Replace([*LIST, "error"])


def test_every_task_explains_itself() -> None:
    assert all(metadata.doc for metadata in app.help()[CATEGORY].values())


@pytest.mark.parametrize(
    ("column", "cell"),
    [
        ("e164", "14155550100"),
        ("account_id", "a" * 31),
        ("carrier_module", "knm_nobody"),
        ("ported_in", "yes"),
    ],
)
def test_a_cell_that_its_verifier_refuses_fails_the_row(column: str, cell: str) -> None:
    row = {"e164": "+14155550100", column: cell}
    csv = f"{','.join(row)}\n{','.join(row.values())}\n"
    assert run_action(app, CATEGORY, "import", csv).returns == [{"bad_fields": [column]}]


def test_a_row_without_a_number_fails() -> None:
    csv = "e164,carrier_module\n,knm_local\n"
    assert run_action(app, CATEGORY, "import", csv).returns == [{"bad_fields": ["e164"]}]


def test_the_table_is_where_the_process_is_told() -> None:
    own = Environment({"NUMBERS_MONGO_URL": "mongodb://own/", "KZTASKS_MONGO_URL": "mongodb://s/"})
    shared = Environment({"KZTASKS_MONGO_URL": "mongodb://s/"})
    assert Settings.of(own).mongo_url == "mongodb://own/"
    assert Settings.of(shared).mongo_url == "mongodb://s/"
    assert Settings.of(shared).database == "numbers"


def test_without_the_setting_nobody_is_the_master_account() -> None:
    assert Settings.of(Environment({})).master_account is None


def test_a_master_account_that_cannot_be_one_is_refused_at_start() -> None:
    with pytest.raises(Misconfigured, match="NUMBERS_MASTER_ACCOUNT"):
        Settings.of(Environment({"NUMBERS_MASTER_ACCOUNT": "me"}))


def test_settings_do_not_show_the_password() -> None:
    settings = Settings.of(Environment({"NUMBERS_MONGO_URL": "mongodb://u:secret@h/"}))
    assert "secret" not in repr(settings)
