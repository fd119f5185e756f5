"""One run of a task: what it is given, and what came of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.compatibility.original.terms import Script, Term, decode


@dataclass(frozen=True, slots=True)
class Verifier:
    """A column's verifier: what it does with certain cells, and with all others."""

    by_value: Mapping[str, Script] = field(default_factory=dict)
    default: Script = True

    def of(self, cell: str) -> Script:
        return self.by_value.get(cell, self.default)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """Everything that a run depends on; `None` where a function is not bound.

    Args:
        returns: what the calls of the handler do, one after another, and then `default_return`.
        total_rows: as it stands in the document.
        attachment_failures: so many uploads fail, then none.
        files: that the handler may return, by path.
    """

    name: str
    csv: str | None
    mandatory: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    output_header: Script | None = None
    verifiers: Mapping[str, Verifier] = field(default_factory=dict)
    returns: tuple[Script, ...] = ()
    default_return: Script = None
    finish: Script | None = None
    cleanup: Script | None = None
    total_rows: int | None = None
    config: Mapping[str, int] = field(default_factory=dict)
    attachment_failures: int = 0
    is_unbound: bool = False
    is_input_lost: bool = False
    files: Mapping[str, bytes] = field(default_factory=dict)

    def scripts(self) -> Iterator[Script]:
        """What the calls of the handler do."""
        yield from self.returns
        while True:
            yield self.default_return

    @property
    def attempts(self) -> int:
        """How often an upload is tried."""
        return self.config.get("attempt_upload_output_times", 5)


@dataclass(slots=True, kw_only=True)
class Answer:
    """What came of a run, as far as anybody can see it."""

    status: str
    public_status: str
    """What a reader computes from the document's counts."""
    total: int | None
    failed: int | None = None
    succeeded: int | None = None
    out_csv: str | None = None
    attachments: dict[str, bytes] = field(default_factory=dict)
    calls: list[tuple[Term, Term]] = field(default_factory=list)
    """Iterator and row of each call of the handler."""
    verifier_calls: list[tuple[str, str]] = field(default_factory=list)
    finish_calls: list[Term] = field(default_factory=list)
    cleanup_calls: list[Term] = field(default_factory=list)
    output_header_calls: int = 0
    scheduler_crashed: bool = False


def case_of(vector: dict[str, Any]) -> Case:
    """What a recorded run was given."""
    given, answered = vector["input"], vector["expected"]
    verifiers = {column: _verifier(one) for column, one in given.get("verifiers", {}).items()}
    scripts = {
        name: decode(given[name])
        for name in ("output_header", "default_return", "finish", "cleanup")
        if name in given
    }
    return Case(
        name=vector["name"],
        csv=given.get("csv"),
        mandatory=tuple(given.get("mandatory", ())),
        optional=tuple(given.get("optional", ())),
        verifiers=verifiers,
        returns=tuple(decode(one) for one in given.get("returns", ())),
        total_rows=answered["total_rows"],
        config=given.get("config", {}),
        attachment_failures=given.get("attachment_failures", 0),
        is_unbound=given.get("unbound_action", False),
        is_input_lost=given.get("no_attachment", False),
        files={path: _bytes(content) for path, content in given.get("files", {}).items()},
        **scripts,
    )


def answer_of(vector: dict[str, Any]) -> Answer:
    """What the original answered to a recorded run."""
    said = vector["expected"]
    return Answer(
        status=said["status"],
        public_status=said["public_status"],
        total=said["total_rows"],
        failed=said["total_rows_failed"],
        succeeded=said["total_rows_succeeded"],
        out_csv=said["out_csv"],
        attachments={
            name: _bytes(content) for name, content in said.get("other_attachments", {}).items()
        },
        calls=[(decode(one["iterator"]), decode(one.get("args"))) for one in said["calls"]],
        verifier_calls=[(column, cell) for column, cell in said.get("verifier_calls", ())],
        finish_calls=[decode(one) for one in said.get("finish_calls", ())],
        cleanup_calls=[decode(one) for one in said.get("cleanup_calls", ())],
        output_header_calls=said["output_header_calls"],
        scheduler_crashed=said["scheduler_crashed"],
    )


def _verifier(given: dict[str, Any]) -> Verifier:
    if given.get("unexported"):
        return Verifier(default=decode({"crash": "undef"}))
    by_value = {cell: decode(one) for cell, one in given.get("by_value", {}).items()}
    return Verifier(by_value, decode(given["default"]))


def _bytes(content: str | dict[str, str]) -> bytes:
    return content.encode() if isinstance(content, str) else bytes.fromhex(content["bytes"])
