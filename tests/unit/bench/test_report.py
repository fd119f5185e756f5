"""Tables and plots hold the numbers that were measured."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from tests.bench.harness.plot import fan_out, memory, ratios
from tests.bench.harness.report import BEGIN, END, main, plots, with_results
from tests.bench.harness.results import CaseResult, dump
from tests.bench.harness.table import lines, markdown
from tests.bench.harness.targets import verdicts
from tests.unit.bench.samples import CASES, RUN

WHOLE = replace(RUN, verdicts=verdicts(RUN))


def texts(svg: str) -> list[str]:
    return [element.text or "" for element in ET.fromstring(svg).iter() if element.text]


def test_the_ratio_to_the_plain_loop_stands_beside_the_absolute_numbers() -> None:
    ours = lines(CASES[0])[0]
    assert ours == ("identity_20k | title", "kztasks", "0.2 (0.2 to 0.2)", "100,000 rows", "**4**")


def test_a_failed_case_shows_its_failure_in_place_of_numbers() -> None:
    failed = CaseResult(name="x", title="X", failed="wrong")
    assert lines(failed) == [("X", "failed: wrong", "", "", "")]


def test_markdown_has_machine_targets_cases_costs_and_memory() -> None:
    text = markdown(WHOLE)
    assert "commit 0123456789, 3 rounds, on 2 cores (some processor, x86_64), 24 GiB" in text
    assert "| a verifier on every column, beside the same | at most 4 times its time |" in text
    assert "| **missed** |" in text
    assert "| identity_20k \\| title | kztasks |" in text
    assert "| identity, 1,000,000 rows | 0.1 | 3 |" in text
    assert "| 0.02 | not said |" in text
    assert "| 1,000,000 | 95 | 120 | 81 |" in text
    assert "multiplied" not in text


def test_results_of_another_scale_say_so() -> None:
    assert "All counts were multiplied by 0.1." in markdown(replace(WHOLE, scale=0.1))


def test_plots_are_well_formed_and_say_their_numbers() -> None:
    assert {"kztasks", "2.0", "560"} <= set(texts(ratios(RUN)))
    assert "4.00 (1,000 rows/s)" in texts(fan_out(CASES[3:5]))
    assert "1,000,000 rows, 0.2 s" in texts(memory(CASES[-1].memory))


def test_a_bar_is_longer_the_slower_the_contender_is() -> None:
    bars = [
        float(element.attrib["width"])
        for element in ET.fromstring(ratios(RUN)).iter()
        if element.tag.endswith("rect") and "x" in element.attrib
    ]
    ours, per_row, batches = bars[:3]
    assert batches < ours < per_row


def test_what_was_not_measured_has_no_plot() -> None:
    assert set(plots(replace(RUN, cases=CASES[:1]))) == {"bench-ratios.svg"}
    assert set(plots(RUN)) == {"bench-ratios.svg", "bench-fan-out.svg", "bench-memory.svg"}


def test_the_report_replaces_what_stood_between_the_markers(tmp_path: Path) -> None:
    page, results = tmp_path / "page.md", tmp_path / "results.json"
    page.write_text(f"above\n{BEGIN}\nold\n{END}\nbelow\n")
    results.write_bytes(dump(WHOLE))
    main(results, page)
    text = page.read_text()
    assert "old" not in text
    assert text.startswith("above\n")
    assert text.endswith(f"{END}\nbelow\n")
    for name in ("bench-ratios.svg", "bench-memory.svg", "bench-fan-out.svg"):
        assert f"](images/{name})" in text
        assert (tmp_path / "images" / name).read_text().startswith("<svg")
    main(results, page)
    assert page.read_text() == text


def test_a_page_without_markers_is_refused() -> None:
    with pytest.raises(ValueError, match="results: begin"):
        with_results("no markers", "table")
