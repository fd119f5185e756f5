"""Where we do not do as the original does, and why: the seed says so, or it is broken there.

Each rule changes the model of the original (`original`) in one place. They are switched on in this
order, so that every difference has a name.
"""

from __future__ import annotations

from enum import Enum
from typing import Final


class Rule(Enum):
    """A rule and the reason for it."""

    WAITS_FOR_APP = (
        "A task whose action nobody serves waits for an app that does, and says so; in the "
        "original each of its rows fails."
    )
    UNREAD_INPUT = (
        "An in.csv that cannot be loaded ends its task with internal_error and the reason: no row "
        "was run, so none has failed (seed: 'failure' is when all rows failed to process)."
    )
    REFUSED_AT_UPLOAD = (
        "Rows of unequal length, an empty header cell, no rows, an open quote, text around quotes "
        "and a blank line in the middle are refused, with the line number."
    )
    LINE_BREAKS_IN_CELLS = (
        "Line breaks inside quotes belong to the cell (RFC 4180), and a BOM is removed."
    )
    DEATH_IS_A_CRASH = (
        "A process that dies of a row takes nothing with it: the row gets the error of a crash."
    )
    THROW_IS_A_CRASH = (
        "A handler that throws or exits on purpose has crashed; in the original what it threw is "
        "the next iterator, or ends the worker."
    )
    HOOKS = (
        "finish and cleanup are called for every task that started, and a crash in one never "
        "changes the result."
    )
    CRASHED_VERIFIER = "A verifier that crashes counts as false (seed)."
    BAD_FIELDS_IN_ORDER = (
        "Cells are verified and bad fields named in the order of the header, then missing "
        "mandatory columns; the original's order is that of its maps."
    )
    DEFAULT_HEADER = "Without a usable output_header it is mandatory, optional and error (seed)."
    REPLACED_WITHOUT_INPUT = (
        "{replace, Header} of a task without input names its header; the original's worker dies."
    )
    FILES = (
        "A file is read from the folder that the app declares; one that cannot be read or stored "
        "ends the task with internal_error and the reason; a path that is no text is a crash."
    )
    BARE_OK = "A bare ok is a success, and nothing is written (seed)."
    BARE_WITHOUT_INPUT = (
        "What a CSV task may return without Data a task without input may return as well (seed); "
        "the original's worker dies."
    )
    SEVERAL_ROWS = (
        "Several rows for one of a CSV are an error in its line: only a task without input may "
        "write them (seed)."
    )
    JSON_VALUES = (
        "Values are JSON: an atom in a cell or in Data is a text, a map in a cell is an object and "
        "written as the original writes JSON objects; {Atom, Data} is the seed's {Error, Data}, "
        "whose error is written."
    )
    NUMBERS_IN_LISTS = (
        "A number in a list that becomes one cell is a number; in Erlang it is a byte, if anything."
    )
    ONE_LINE = (
        "What a row returns is written on its own line, an error in the error column; the original "
        "begins another line, or none."
    )
    ROWS_IN_ORDER = (
        "Rows keep the order of the input when columns are left out; the original reverses them."
    )
    UNWRITTEN_COLUMNS = (
        "Columns without a defined cell in any line are left out, so error stays when any row has "
        "one; the original goes by the names in what was returned, and often leaves out nothing."
    )
    ONE_END = (
        "Every end is the same: all that was counted and written is kept, also after a stop or a "
        "fault; the original loses the counts since they were last saved."
    )
    FINAL_WHEN_DELIVERED = (
        "The status is final only when out.csv can be downloaded; when its upload is given up it "
        "is internal_error, and the file stays on disk (seed)."
    )

    @property
    def reason(self) -> str:
        """What is different, and why."""
        return str(self.value)


NONE: Final[frozenset[Rule]] = frozenset()
ALL: Final = frozenset(Rule)
