"""The project's own checks find what they are for."""

from pathlib import Path

from tools import check_links, check_sizes, check_text


def written(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_bytes(text.encode())
    return path


def test_a_function_at_the_limit_passes_and_one_line_more_is_named(tmp_path: Path) -> None:
    body = "    pass\n" * (check_sizes.FUNCTION_LINES - 1)
    fits = written(tmp_path, "fits.py", f"def fits():\n{body}")
    grown = written(tmp_path, "grown.py", f"def grown():\n{body}    pass\n")

    assert list(check_sizes.too_long(fits)) == []
    assert ["`grown`" in sentence for sentence in check_sizes.too_long(grown)] == [True]


def test_a_module_over_the_limit_is_named_with_its_length(tmp_path: Path) -> None:
    module = written(tmp_path, "long.py", "pass\n" * (check_sizes.MODULE_LINES + 1))

    assert ["401 lines" in sentence for sentence in check_sizes.too_long(module)] == [True]


def test_a_file_that_is_no_python_is_named_with_its_line(tmp_path: Path) -> None:
    module = written(tmp_path, "wrong.py", "x = 1\ny = (\n")

    assert [f"{module}:2:" in sentence for sentence in check_sizes.too_long(module)] == [True]


def test_blanks_at_line_ends_and_files_that_end_badly_are_named(tmp_path: Path) -> None:
    for text in ("a \n", "a\r\n", "a", "a\n\n"):
        assert list(check_text.faults(written(tmp_path, "bad.md", text))) != []
    assert list(check_text.faults(written(tmp_path, "good.md", "a\n"))) == []
    assert list(check_text.faults(written(tmp_path, "rows.csv", "a \r\n"))) == []


def test_links_that_lead_to_no_file_or_heading_are_named(tmp_path: Path) -> None:
    written(tmp_path, "there.md", "# One two\n\n```\n# not a heading\n```\n")
    page = written(
        tmp_path,
        "page.md",
        "[a](there.md) [b](there.md#one-two) [c](https://example.org/x) `[x](no.md)`\n"
        "[d](gone.md) [e](there.md#not-a-heading)\n",
    )

    assert list(check_links.dead_links(page)) == [
        f"{page}: gone.md leads to no file",
        f"{page}: there.md#not-a-heading leads to no heading",
    ]


def test_exit_status_says_whether_something_was_found(tmp_path: Path) -> None:
    good = written(tmp_path, "good.py", "x = 1\n")
    bad = written(tmp_path, "bad.py", "x = 1 \n")

    assert check_text.main([str(good)]) == 0
    assert check_text.main([str(bad)]) == 1
