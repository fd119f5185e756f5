"""Results as plots."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Final

from tests.bench.harness.names import PLAIN
from tests.bench.harness.results import CaseResult, MemoryRun, Run, Series
from tests.bench.harness.svg import COLOURS, FAINT, INK, Drawing

WIDTH: Final = 900
LEFT: Final = 330
RIGHT: Final = 830
BAR: Final = 14
GAP: Final = 30


def ratios(run: Run) -> str:
    """How many times slower than the plain loop: a bar for each contender, on a log axis."""
    cases = [case for case in run.cases if case.failed is None and case.of(PLAIN)]
    bars = {case.name: _ratios_of(case) for case in cases}
    values = [ratio for found in bars.values() for _, ratio in found]
    names = list(dict.fromkeys(name for found in bars.values() for name, _ in found))
    colours = dict(zip(names, COLOURS, strict=False))
    height = 90 + sum(len(found) * BAR + GAP for found in bars.values())
    drawing = Drawing(WIDTH, height, "times slower than the plain loop")
    drawing.text(20, 24, "Times slower than the plain loop (log scale; shorter is better)", size=15)
    scale = _LogAxis(values)
    scale.draw(drawing, height - 24)
    y = 50.0
    for case in cases:
        y = _draw_case(drawing, scale, case, bars[case.name], colours, y)
    return drawing.render()


def _ratios_of(case: CaseResult) -> list[tuple[str, float]]:
    plain = case.of(PLAIN)
    assert plain is not None
    return [(one.contender, one.times(plain)) for one in case.series if one is not plain]


def _draw_case(
    drawing: Drawing,
    scale: _LogAxis,
    case: CaseResult,
    bars: Sequence[tuple[str, float]],
    colours: Mapping[str, str],
    y: float,
) -> float:
    drawing.text(20, y + 8, case.title.replace("`", ""), size=13)
    y += 14
    for name, ratio in bars:
        drawing.text(LEFT - 8, y + BAR - 3, name, "end", 11)
        end = scale.at(ratio)
        drawing.bar(LEFT, y, end - LEFT, BAR - 2, colours[name])
        drawing.text(
            end + 5, y + BAR - 3, f"{ratio:,.0f}" if ratio >= 20 else f"{ratio:.1f}", size=11
        )
        y += BAR
    return y + GAP - 14


class _LogAxis:
    """From the power of ten below the least ratio, or 1, to the one above the greatest."""

    def __init__(self, values: Sequence[float]) -> None:
        self._low = math.floor(math.log10(min([1.0, *values])))
        self._high = math.ceil(math.log10(max([10.0, *values])))

    def at(self, value: float) -> float:
        """Where a value is."""
        share = (math.log10(value) - self._low) / (self._high - self._low)
        return LEFT + share * (RIGHT - LEFT)

    def draw(self, drawing: Drawing, bottom: float) -> None:
        """Lines at the powers of ten."""
        for power in range(self._low, self._high + 1):
            x = self.at(10.0**power)
            drawing.line([(x, 40), (x, bottom)], FAINT)
            drawing.text(x, bottom + 16, f"{10.0**power:g}", "middle", 11)


def memory(runs: Sequence[MemoryRun]) -> str:
    """Resident memory of each process over time: a panel for each size of the task."""
    names = list(runs[0].mib)
    colours = dict(zip(names, COLOURS, strict=False))
    most = max(max(values) for run in runs for values in run.mib.values())
    step = (WIDTH - 80) / len(runs)
    drawing = Drawing(WIDTH, 330, "memory over time")
    drawing.text(20, 24, "Memory of each process while one task runs, MiB over seconds", size=15)
    drawing.legend(60, 318, [(name, colours[name]) for name in names], 130)
    top = math.ceil(most / 50) * 50
    for mib in range(0, top + 1, 50):
        y = 270 - mib / top * 220
        drawing.line([(50, y), (WIDTH - 20, y)], FAINT)
        drawing.text(44, y + 4, str(mib), "end", 11)
    for place, run in enumerate(runs):
        left = 60 + place * step
        drawing.text(left, 46, f"{run.rows:,} rows, {run.seconds[-1]:.1f} s", size=11)
        drawing.line([(left - 5, 50), (left - 5, 270)], INK)
        _draw_memory(drawing, run, colours, left, step - 15, top)
    return drawing.render()


def _draw_memory(
    drawing: Drawing,
    run: MemoryRun,
    colours: Mapping[str, str],
    left: float,
    width: float,
    top: float,
) -> None:
    last = run.seconds[-1] or 1.0
    for name, values in run.mib.items():
        points = [
            (left + second / last * width, 270 - mib / top * 220)
            for second, mib in zip(run.seconds, values, strict=False)
        ]
        if len(points) == 1:
            points.append((left + width, points[0][1]))
        drawing.line(points, colours[name], 2)


def fan_out(cases: Sequence[CaseResult]) -> str:
    """How many times as fast as one process, by the number of processes."""
    drawing = Drawing(WIDTH, 60 + 90 * len(cases), "fan-out over app processes")
    drawing.text(20, 24, "Times as fast as one app process (longer is better)", size=15)
    most = max([1.0, *(case.series[0].times(one) for case in cases for one in case.series)])
    y = 50.0
    for case in cases:
        drawing.text(20, y + 8, case.title, size=13)
        y += 18
        for one in case.series:
            _draw_speed(drawing, one, case.series[0], most, y)
            y += BAR + 4
        y += 18
    return drawing.render()


def _draw_speed(drawing: Drawing, one: Series, first: Series, most: float, y: float) -> None:
    times = first.times(one)
    end = 150 + times / most * 520
    drawing.text(142, y + BAR - 3, one.contender, "end", 11)
    drawing.bar(150, y, end - 150, BAR, COLOURS[0])
    drawing.text(end + 5, y + BAR - 3, f"{times:.2f} ({one.rate:,.0f} rows/s)", size=11)
