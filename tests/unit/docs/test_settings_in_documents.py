"""Settings that the documents name are there."""

from __future__ import annotations

import re
from pathlib import Path

from kztasks.settings import Settings
from tasks_bindings.environment import FILE_SUFFIX, secrets_of
from tasks_bindings.settings import AppSettings

ROOT = Path(__file__).resolve().parents[3]


def test_every_variable_that_a_document_names_is_a_setting() -> None:
    known = {
        f"KZTASKS_{name.upper()}" for name in (*Settings.model_fields, *AppSettings.model_fields)
    }
    known |= {f"{one}{FILE_SUFFIX}" for one in secrets_of(Settings)}
    named = {
        (path.name, variable)
        for path in (ROOT / "README.md", *(ROOT / "docs").glob("*.md"))
        for variable in re.findall(r"KZTASKS_[A-Z][A-Z_]*[A-Z]", path.read_text())
    }

    assert named
    assert not {(name, one) for name, one in named if one not in known}


def test_every_limit_in_the_table_is_a_setting() -> None:
    text = (ROOT / "docs" / "use-the-api.md").read_text()
    table = text.split("## Limits")[1].split("\n## ")[0]
    rows = re.findall(r"^\|[^|]+\|([^|]+)\|", table, re.MULTILINE)
    named = re.findall(r"`([A-Z][A-Z_]+)`", "".join(rows))

    assert len(named) > 10
    assert not [name for name in named if name.lower() not in Settings.model_fields]
