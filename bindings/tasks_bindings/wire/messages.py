"""Every message of the bindings protocol, as a typed and versioned model.

The AMQP property `type` names the message (`MessageType`); `v` is the protocol's version. Unknown
fields are ignored on receipt. `docs/protocol.md` tells the same as a story.

`data` is the handler's `Data` as JSON text, opaque to everybody but the handler; `None` stands for
`init`, the first value of the iterator (seed, "Writing tasks").
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from tasks_bindings.wire.codec import VERSION
from tasks_bindings.wire.returns import Return

MAX_DATA_BYTES: Final = 256 * 1024
"""Default limit of `Data`: it travels with every batch, so a growing one costs its square."""

DEFAULT_CONCURRENCY: Final = 8
"""How many requests an instance runs at the same time that does not say it."""

Cell = str | None
"""One cell of a row; `None` is undefined (nothing between the commas), `""` is a quoted empty."""

Word = Annotated[str, StringConstraints(min_length=1, max_length=128)]
Text = Annotated[str, StringConstraints(max_length=65_536)]
Name = Annotated[str, StringConstraints(min_length=1, max_length=255)]


class MessageType(StrEnum):
    """The AMQP property `type` of each message."""

    HELP = "help"
    HELP_REPLY = "help_reply"
    BEAT = "beat"
    DOWN = "down"
    CLAIMS = "claims"
    BATCH = "batch"
    BATCH_REPLY = "batch_reply"
    PROGRESS = "progress"
    CANCEL = "cancel"
    STOP = "stop"
    FILE_REQUEST = "file_request"
    FILE_PART = "file_part"
    FILE_STORED = "file_stored"
    VERIFY = "verify"
    VERIFY_REPLY = "verify_reply"
    CALL = "call"
    CALL_REPLY = "call_reply"
    REFUSED = "refused"
    DEAD = "dead"


class WireMessage(BaseModel):
    """Base of all messages: immutable, versioned, tolerant of fields it does not know."""

    model_config = ConfigDict(
        frozen=True,
        extra="ignore",
        strict=True,
        use_attribute_docstrings=True,
        cache_strings="keys",  # cells are rarely the same twice
    )

    v: Literal[1] = VERSION


class OnCrash(StrEnum):
    """What a crash of the handler does to the task (ours; the original always stops)."""

    STOP = "stop"
    CONTINUE = "continue"


class Metadata(BaseModel):
    """What a task says of itself (seed, "A task's metadata"), and what we add to it."""

    model_config = ConfigDict(
        frozen=True, extra="ignore", strict=False, use_attribute_docstrings=True
    )

    description: Name
    doc: Text = ""
    expected_content: Literal["text/csv"] | None = None
    mandatory: tuple[Word, ...] = ()
    optional: tuple[Word, ...] = ()
    wait_after_row_ms: Annotated[int, Field(ge=0, le=3_600_000)] | None = None
    """Pause after each row in milliseconds, in place of the service's setting."""
    on_crash: OnCrash = OnCrash.STOP
    stateless: bool = False
    """The handler neither takes nor hands on `Data`, so batches may run beside each other."""

    @property
    def is_noinput(self) -> bool:
        """Whether this is a "noinput task": one that takes no CSV."""
        return self.expected_content is None

    @property
    def columns(self) -> tuple[str, ...]:
        """All columns that the task knows, mandatory ones first."""
        return self.mandatory + self.optional


Help = dict[Word, dict[Word, Metadata]]
"""`{CATEGORY: {ACTION: metadata}}`, as Kazoo's lookup nests it."""

HeaderAnswer = dict[Literal["add", "replace"], list[Word]]
"""Columns of `out.csv`: one of `add`, behind the input's, and `replace`, in place of them."""


class AppIdentity(BaseModel):
    """Which process speaks: the app, this run of it, and the author's version of it."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    name: Word
    instance: Word
    version: Word


class HelpRequest(WireMessage):
    """To all apps, under `tasks.help` or a narrower help key: say what you serve."""


class HelpReply(WireMessage):
    """One instance's answer: what it serves and to which keys it is bound, in bind order."""

    app: AppIdentity
    help: Help
    bindings: tuple[Name, ...]
    digest: Word
    """Changes whenever what is served does; `Beat` repeats it."""
    up_ms: int = Field(default=0, ge=0)
    """How long it has served this; of two claims to an action the older one counts."""
    concurrency: int = Field(default=DEFAULT_CONCURRENCY, ge=1)
    """How many requests it runs at the same time; schedulers send it a few more, and no more."""
    triggers: dict[Name, tuple[Name, ...]] = Field(default_factory=dict)
    """Names of the functions that are bound to each trigger's key, in bind order. An app that does
    not tell them has all that it has bound to a trigger called at once."""
    headers: dict[Word, dict[Word, HeaderAnswer]] = Field(default_factory=dict)
    """By category and action: what it answers to every call for an action's output header. Nobody
    asks for these; the others are asked for once in a task."""
    verifies: bool = False
    """Whether it answers `verify` for all of its actions with a CSV."""


class Beat(WireMessage):
    """From each instance every few seconds: still here. The first one announces it."""

    app: AppIdentity
    digest: Word


class Down(WireMessage):
    """From an instance that is about to leave; it takes no new requests."""

    app: AppIdentity


class Batch(WireMessage):
    """Rows of one task to run one by one, top to bottom, `Data` handed from one to the next.

    For a task without input `rows` and `columns` are missing and `calls` says how often to call the
    handler. `hash` covers rows and `data`: with `task_id` and `seq` it names the work, so that an
    app can tell a repeated request from a new one.
    """

    task_id: Word
    epoch: int = Field(ge=1)
    seq: int = Field(ge=0)
    attempt: int = Field(ge=1)
    category: Word
    action: Word
    account_id: Word
    auth_account_id: Word
    columns: tuple[str, ...] | None = None
    rows: list[list[Cell]] | None = None
    calls: int | None = Field(default=None, ge=1, le=100_000)
    width: int | None = Field(default=None, ge=1)
    """Cells of the output header, for a task without input: a row that is returned as a list of
    more or fewer ends the task, so nothing is to be run after it."""
    first_row: int = Field(ge=1)
    """1-based number of the first row (or call) of this batch in the task."""
    data: str | None = None
    pause_ms: int = Field(default=0, ge=0)
    """Pause between two rows of the batch; the scheduler keeps the one before the next batch."""
    max_data_bytes: int = Field(default=MAX_DATA_BYTES, ge=1)
    """Largest `data` that the reply may carry, in bytes."""
    work_ms: int = Field(default=1000, ge=1)
    """After this long the app answers with what it has run; the rest is sent again."""
    row_timeout_ms: int | None = Field(default=None, ge=1)
    """So long the requester waits for a single row. It has given the batch up then: the app may end
    a handler that does not return."""
    alone: bool = False
    """Processes have died of this batch, or beside it: run nothing else meanwhile, and say with a
    `Progress` that it is about to run so."""
    hash: Word


class CrashReport(BaseModel):
    """An exception of a handler: for the log, never for the output CSV."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    type: Word
    message: Text = ""


class Fault(BaseModel):
    """Why the task cannot go on after the rows of a reply: its `Data` cannot travel."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    code: Word
    message: Text = ""


class BatchReply(WireMessage):
    """What the handler returned for each row that was run, and the last `Data`.

    `returns` may be shorter than the batch: the app stopped at `work_ms`, at a cancel, or where the
    task ends; it is never empty unless the batch was cancelled before its first row.
    """

    task_id: Word
    epoch: int
    seq: int
    attempt: int
    hash: Word
    app: AppIdentity
    returns: list[Return]
    data: str | None = None
    fault: Fault | None = None
    """The rows count all the same, then the task ends; `data` is missing."""
    elapsed_ms: float = Field(ge=0, allow_inf_nan=False)
    """Time spent in verifiers and the handler, without pauses."""


class Progress(WireMessage):
    """While a batch runs: this many of its rows are done. Silence means that the app is lost."""

    task_id: Word
    epoch: int
    seq: int
    attempt: int
    app: AppIdentity
    done: int = Field(ge=0)
    direct: bool = False
    """Whether this instance takes the batch under its own key too (`apps.instance.INSTANCE`), if it
    has to be sent again after an outage of the broker: it has it, or its answer, already."""
    alone: bool = False
    """The batch is about to run, and nothing runs beside it: it is to blame if the process dies."""
    waits: bool = False
    """The batch has not begun: others have their turn before it in this process."""


class Cancel(WireMessage):
    """To all apps, under `apps.cancel`: end this running batch after its present row."""

    task_id: Word
    epoch: int
    seq: int


class Stop(WireMessage):
    """Between schedulers, under `schedulers.stop`: a hint that a task is asked to stop.

    The request itself stands in the task's document; without the hint its owner sees it later.
    """

    task_id: Word


class Call(WireMessage):
    """Call every responder that the app has bound to `key`: a header, verifier, hook or trigger."""

    key: Name
    args: tuple[Any, ...] = ()
    handler: Name | None = None
    """Of a trigger's functions, the one to call; missing: all of them, in bind order."""
    timeout_ms: int | None = Field(default=None, ge=1)
    """Of a trigger: so long one function may take."""
    fold: bool = False
    """Call them first-bound first and hand the first argument through as an accumulator."""


BACKGROUND: Final = "background"
"""What a trigger's function answers with that goes on in the background."""


class CallResult(BaseModel):
    """One responder's answer: a value, or how it crashed."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    value: Any = None
    crash: CrashReport | None = None


class CallReply(WireMessage):
    """The results of all responders, in bind order; of a fold, one result: the last accumulator."""

    app: AppIdentity
    results: tuple[CallResult, ...]


class Refused(WireMessage):
    """In place of a reply: the app cannot take the request; `code` is one of the error codes."""

    code: Word
    message: Text = ""


class Dead(WireMessage):
    """In place of a reply, from a scheduler that reads the dead letters: nobody could finish it.

    `reason` is the broker's: `delivery_limit`, `expired` or `rejected`.
    """

    reason: Word
