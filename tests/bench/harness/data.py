"""Inputs of every size, and the bytes that must come out."""

from __future__ import annotations

import csv
import io
import random
from collections.abc import Iterable, Sequence
from typing import Final, Literal

from tests.apps.bench import FAILS_EVERY, hashed

SEED: Final = 17
BLOCK: Final = 1000
"""Rows of text that differ; longer files repeat them with another first cell."""
GIVEN: Final = (
    "Zoë",
    "Ann",
    "José",
    "Łukasz",
    "Mary Jane",
    "Søren",
    "Nguyễn",
    "李娜",
    "Олена",
    "Bob",
)
FAMILY: Final = (
    "O'Neill",
    "García Márquez",
    "Müller",
    "Smith",
    "王",
    "Ibrahimović",
    "van der Berg",
)
STREETS: Final = (
    "Rue de l'Église",
    "Main Street",
    "Königsallee",
    "Avenida da Liberdade",
    "ulica Długa",
)
CITIES: Final = ("Zürich", "San José, CA", "København", "Saint-Étienne", "東京", "Kraków")
NOTES: Final = (
    'said "call me back", then hung up',
    "moved from Springfield, IL, in May",
    "prefers e-mail; see ticket 4711",
    "ünïcödé everywhere, naïvely",
    "nothing to add",
)
KINDS: Final = ("street", "city", "postcode", "email", "phone", "company", "note", "balance")
TEXT_HEADER: Final = ("col1", "col2", *(f"{kind}_{n}" for n in range(1, 6) for kind in KINDS))[:40]


def numbered(rows: int) -> bytes:
    """Three short columns, no two cells alike."""
    return _lines("col1,col2,note\n", (f"a{n},b{n},c{n}\n" for n in range(1, rows + 1)))


def identity(rows: int) -> bytes:
    """What the identity handlers make of `numbered`."""
    lines = (f'"a{n}","b{n}","c{n}","a{n}","b{n}"\n' for n in range(1, rows + 1))
    return _lines('"col1","col2","note","Col1","Col2"\n', lines)


def counted(rows: int) -> bytes:
    """What `bench.count` makes of `numbered`."""
    lines = (f'"a{n}","b{n}","c{n}","{n}"\n' for n in range(1, rows + 1))
    return _lines('"col1","col2","note","number"\n', lines)


def tenth_failed(rows: int) -> bytes:
    """What `bench.tenth_fails` makes of `numbered`."""
    return _lines(
        '"col1","col2","note","Col1","Col2","error"\n',
        (
            f'"a{n}","b{n}","c{n}",,,"each tenth row fails"\n'
            if n % FAILS_EVERY == 0
            else f'"a{n}","b{n}","c{n}","a{n}","b{n}",\n'
            for n in range(1, rows + 1)
        ),
    )


def produced(rows: int) -> bytes:
    """What `bench.produce` writes."""
    lines = (f'"a{n}","b{n}","c{n}"\n' for n in range(1, rows + 1))
    return _lines('"col1","col2","note"\n', lines)


def hashes(rows: int) -> bytes:
    """What `bench.hash` makes of `numbered`."""
    lines = (f'"a{n}","b{n}","c{n}","{hashed(f"a{n}")}"\n' for n in range(1, rows + 1))
    return _lines('"col1","col2","note","hash"\n', lines)


def text(rows: int) -> bytes:
    """40 columns as people fill them in: names, addresses, commas in quotes, many alphabets."""
    body = _body(csv.QUOTE_MINIMAL, (cells[1:] for cells in _people()))
    head = ",".join(TEXT_HEADER) + "\n"
    return _lines(head, (f"row {n},{body[n % BLOCK]}" for n in range(1, rows + 1)))


def text_identity(rows: int) -> bytes:
    """What the identity handler makes of `text`."""
    people = _people()
    body = _body(csv.QUOTE_ALL, (cells[1:] for cells in people))
    seconds = _body(csv.QUOTE_ALL, ([cells[1]] for cells in people))
    head = ",".join(f'"{name}"' for name in (*TEXT_HEADER, "Col1", "Col2")) + "\n"
    return _lines(
        head,
        (
            f'"row {n}",{body[n % BLOCK][:-1]},"row {n}",{seconds[n % BLOCK]}'
            for n in range(1, rows + 1)
        ),
    )


def text_of_size(size: int) -> bytes:
    """As many whole rows of `text` as come near a number of bytes, at least one."""
    per_row = len(text(BLOCK)) / BLOCK
    return text(max(1, round(size / per_row)))


def _people() -> list[list[str]]:
    chosen = random.Random(SEED)
    return [_person(chosen) for _ in range(BLOCK)]


def _person(chosen: random.Random) -> list[str]:
    cells = ["", f"{chosen.choice(GIVEN)} {chosen.choice(FAMILY)}"]
    while len(cells) < len(TEXT_HEADER):
        cells += [
            f"{chosen.choice(STREETS)} {chosen.randrange(1, 300)}",
            chosen.choice(CITIES),
            f"{chosen.randrange(10_000, 99_999)}",
            f"user{chosen.randrange(10**6)}@example.com",
            f"+{chosen.randrange(10**10, 10**11)}",
            f"{chosen.choice(FAMILY)} & {chosen.choice(FAMILY)}, Ltd.",
            chosen.choice(NOTES),
            f"{chosen.uniform(-100, 1000):.2f}",
        ]
    return cells[: len(TEXT_HEADER)]


def _body(quoting: Literal[0, 1], cells: Iterable[Sequence[str]]) -> list[str]:
    written = []
    for one in cells:
        line = io.StringIO(newline="")
        csv.writer(line, quoting=quoting, lineterminator="\n").writerow(one)
        written.append(line.getvalue())
    return written


def _lines(head: str, lines: Iterable[str]) -> bytes:
    return (head + "".join(lines)).encode()
