from __future__ import annotations

import pytest

from kztasks.csvio import Row, encode_rows, records_to_rows

Record = dict[str, object]


def csv_of(records: list[Record]) -> str:
    header, rows = records_to_rows(records)
    return encode_rows([[*header], *rows]).decode()


@pytest.mark.parametrize(
    ("records", "csv"),
    [
        ([{"A": "a1"}, {"A": 42}], '"A"\n"a1"\n"42"\n'),
        (
            [
                {"field1": None, "field deux": "QUUX"},
                {},
                {"field1": r"r'bla.+\n'"},
            ],
            '"field1","field deux"\n,"QUUX"\n,\n"r\'bla.+\\n\'",\n',
        ),
        (
            [
                {"account_id": "a", "e164": "+14157215234", "cnam.outbound": "me"},
                {"account_id": "", "e164": "+14157215235", "cnam.outbound": ""},
            ],
            '"account_id","e164","cnam.outbound"\n"a","+14157215234","me"\n,"+14157215235",\n',
        ),
        (
            [{"a": ["x", "y"]}, {"a": [], "b": ["x", "y", "z"]}, {"a": [{"c": 1}]}],
            '"a","b"\n"x,y",\n,"x,y,z"\n,\n',
        ),
    ],
)
def test_records_become_the_csv_that_kazoo_makes_of_them(records: list[Record], csv: str) -> None:
    assert csv_of(records) == csv


def test_the_columns_are_all_records_keys_in_the_order_in_which_they_are_first_seen() -> None:
    records: list[Record] = [{"b": 1, "a": 2}, {"c": 3, "a": 4}, {"d": 0}]
    rows: list[Row] = [["1", "2", None, None], [None, "4", "3", None], [None, None, None, "0"]]

    assert records_to_rows(records) == (["b", "a", "c", "d"], rows)


def test_no_records_give_no_columns_and_no_rows() -> None:
    assert records_to_rows([]) == ([], [])
