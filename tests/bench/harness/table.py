"""Results as tables: for the terminal, and as Markdown for the documents."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from rich.table import Table

from tests.bench.harness.names import KZTASKS, PLAIN
from tests.bench.harness.results import CaseResult, MemoryRun, Run, Series, Verdict

HEAD: Final = ("case", "", "s (fastest to slowest)", "a second", "times slower than the plain loop")
MET: Final = {True: "reached", False: "**missed**", None: "not measured"}


def lines(case: CaseResult) -> list[tuple[str, ...]]:
    """A line for each contender: case (in the first line), contender, seconds, rate, ratio."""
    if case.failed is not None:
        return [(case.title, f"failed: {case.failed}", "", "", "")]
    plain = case.of(PLAIN)
    return [
        ("" if place else case.title, one.contender, _seconds(one), _rate(one), _times(one, plain))
        for place, one in enumerate(case.series)
    ]


def terminal(case: CaseResult) -> Iterator[Table]:
    """What the terminal shows of a case."""
    if case.series or case.failed:
        yield _rich(HEAD[1:], [line[1:] for line in lines(case)], case.title)
    if case.cpu_us:
        yield _rich(tuple(case.cpu_us), [_values(case.cpu_us)], "CPU, µs for each of them")
    if case.figures:
        yield _rich(tuple(case.figures), [_values(case.figures)], "seconds at most")
    if case.memory:
        yield _rich(("rows", *case.memory[0].peak_mib), _peaks(case.memory), "peak MiB")


def verdict_table(verdicts: Sequence[Verdict]) -> Table:
    """Targets, on the terminal."""
    return _rich(_VERDICT_HEAD, [_verdict(one) for one in verdicts], "targets")


def markdown(run: Run) -> str:
    """All of it for the documents."""
    parts = [_about(run), _table(_VERDICT_HEAD, [_verdict(one) for one in run.verdicts])]
    parts.append(_table(HEAD, [line for case in run.cases for line in lines(case)]))
    costs = [(case.title, case.cpu_us) for case in run.cases if case.cpu_us]
    if costs:
        names = tuple(costs[0][1])
        rows = [(title, *_values(cost)) for title, cost in costs]
        parts.append(
            "Processor time, µs for each row or, of small tasks, for each task:\n\n"
            + _table(("case", *names), rows)
        )
    for case in run.cases:
        if case.figures:
            text = _table(tuple(case.figures), [_values(case.figures)])
            parts.append(f"Seconds at most, {case.title}:\n\n{text}")
        if case.memory:
            head = ("rows", *case.memory[0].peak_mib)
            parts.append("Peak of memory, MiB:\n\n" + _table(head, _peaks(case.memory)))
    return "\n".join(parts)


_VERDICT_HEAD: Final = ("target", "wanted", "measured", "")


def _about(run: Run) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in run.versions.items())
    scale = "" if run.scale == 1 else f" All counts were multiplied by {run.scale:g}."
    changed = ", with changes" if run.dirty else ""
    return (
        f"Measured {run.at[:10]} at commit {run.commit}{changed}, {run.rounds} rounds, on "
        f"{run.cores} cores ({run.machine}), {run.memory_gib} GiB. "
        f"Python {run.python}; {versions}.{scale}\n"
    )


def _verdict(one: Verdict) -> tuple[str, ...]:
    return one.target, one.wanted, one.reached, MET[one.met]


def _seconds(series: Series) -> str:
    fastest, slowest = min(series.seconds), max(series.seconds)
    return f"{series.median_s:.3g} ({fastest:.3g} to {slowest:.3g})"


def _rate(series: Series) -> str:
    return "" if series.unit == "times" else f"{_number(series.rate)} {series.unit}"


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _times(series: Series, plain: Series | None) -> str:
    if plain is None or series is plain:
        return ""
    text = f"{_number(series.times(plain))}"
    return f"**{text}**" if series.contender == KZTASKS else text


def _values(values: Mapping[str, float] | Mapping[str, float | None]) -> tuple[str, ...]:
    return tuple("not said" if value is None else f"{value:g}" for value in values.values())


def _peaks(runs: Sequence[MemoryRun]) -> list[tuple[str, ...]]:
    return [(f"{run.rows:,}", *(f"{mib:.0f}" for mib in run.peak_mib.values())) for run in runs]


def _rich(head: Sequence[str], rows: Sequence[Sequence[str]], title: str) -> Table:
    table = Table(*head, title=title, title_justify="left")
    for row in rows:
        table.add_row(*(cell.strip("*") for cell in row))
    return table


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    text = [head, ["---"] * len(head), *rows]
    return "".join("| " + " | ".join(_cell(cell) for cell in row) + " |\n" for row in text)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
