"""Apps that tests write into a folder and run from there."""

from __future__ import annotations

from pathlib import Path
from typing import Final

CLAIM: Final = '''
"""Serves words.name, and writes its own name beside each row."""

from tasks_bindings import App, Category, Context, Row, Step, row

words = Category("words")
app = App("{name}", words)


@words.csv_action(
    "name",
    description="{description}",
    mandatory=["a"],
    output_header=["by"],
    wait_after_row_ms=0,
)
def name(_context: Context, _data: object, _row: Row) -> Step:
    return row(["{name}"])
'''

ZOO: Final = '''
"""Returns everything that can be returned."""

import time
from pathlib import Path

from tasks_bindings import STOP, App, Category, Context, Row, error, file, ok, row, rows, text

FOLDER = Path(__file__).parent
zoo = Category("zoo")
app = App("zoo", zoo, files=FOLDER)

RETURNS = {
    "ok": ok(),
    "data": ok({"n": 1}),
    "error": error("no", "x"),
    "row": row(["1", 2, None, True]),
    "map": row({"x": "1"}),
    "rows": rows([["1"], {"x": "2"}]),
    "list": [["a", "b"], "c"],
    "other": 3.5,
    "pair": (None, "x"),
    "text": text("line", 1),
    "end": row(["9"], STOP),
}


@zoo.verifier("guarded")
def guarded(cell: str) -> bool:
    return cell == "yes"


@zoo.csv_action(
    "all",
    description="All returns",
    mandatory=["which"],
    optional=["guarded"],
    output_header=["x", "y"],
    on_crash="continue",
    wait_after_row_ms=0,
)
def all_(_context: Context, _data: object, args: Row) -> object:
    if args["which"] == "slow":
        time.sleep(2.5)
        return ok()
    return RETURNS[args["which"]]


@all_.on_finish
def finish(action: str, data: object) -> None:
    raise RuntimeError("a hook that crashes")


@zoo.noinput_action("dump", description="A file", output_header=["x"])
def dump(_context: Context, _data: object) -> object:
    (FOLDER / "dump.csv").write_text("x\\n" * 1000)
    return file(FOLDER / "dump.csv")


@zoo.noinput_action("leak", description="A file that is not the app's", output_header=["x"])
def leak(_context: Context, _data: object) -> object:
    return file("/etc/hostname")
'''

MORTAL: Final = '''
"""Its process dies of each row."""

import os

from tasks_bindings import App, Category, Context, Row

mortal = Category("mortal")
app = App("mortal", mortal)


@mortal.csv_action("die", description="Dies", mandatory=["a"], output_header=["x"])
def die(_context: Context, _data: object, _row: Row) -> None:
    os._exit(1)
'''

SHOP: Final = '''
"""One version of an app."""

import time

from tasks_bindings import App, Category, Context, Row, Step, row

shop = Category("shop")
app = App("shop", shop, concurrency=2)
'''

SHOP_ACTION: Final = """

@shop.csv_action("{action}", description="{action}", mandatory=["a"], output_header=["by"],
                 wait_after_row_ms=0)
def {action}(_context: Context, _data: object, args: Row) -> Step:
    time.sleep(0.002)
    return row([args["a"]])
"""


def write_claim(folder: Path, name: str, description: str = "Who ran it") -> str:
    """An app that serves `words.name`; what to start it with."""
    (folder / f"{name}.py").write_text(CLAIM.format(name=name, description=description))
    return f"{name}:app"


def write_mortal(folder: Path) -> str:
    """An app that serves `mortal.die`; what to start it with."""
    (folder / "mortal.py").write_text(MORTAL)
    return "mortal:app"


def write_zoo(folder: Path) -> str:
    """An app that serves `zoo.all`, `zoo.dump` and `zoo.leak`; what to start it with."""
    (folder / "zoo.py").write_text(ZOO)
    return "zoo:app"


def write_shop(folder: Path, *actions: str) -> str:
    """A version of the app `shop` that serves these actions (2 ms a row); what to start it with."""
    name = "shop_" + "_".join(actions)
    parts = [SHOP_ACTION.format(action=action) for action in actions]
    (folder / f"{name}.py").write_text(SHOP + "".join(parts))
    return f"{name}:app"
