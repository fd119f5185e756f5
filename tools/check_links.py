"""Links in the documents that lead to no file, or to no heading; exit status 1 if there are any.

    python tools/check_links.py [FILE ...]

Without arguments: every Markdown file of the project. Only links inside the project are followed.
"""

import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parent.parent
FENCE: Final = re.compile(r"^(```|~~~).*?^\1", re.MULTILINE | re.DOTALL)
LINK: Final = re.compile(r"(?<!`)\[[^\]\n]*\]\(([^)\s]+)\)")
HEADING: Final = re.compile(r"^#{1,6}\s+(.+?)\s*#*$", re.MULTILINE)
ELSEWHERE: Final = re.compile(r"[a-z][a-z0-9+.-]*:", re.IGNORECASE)


def prose(path: Path) -> str:
    """The document without its blocks of code."""
    return FENCE.sub("", path.read_text(encoding="utf-8"))


def anchor(heading: str) -> str:
    """The name under which a heading can be linked to."""
    kept = re.sub(r"[^\w\- ]", "", heading.lower())
    return kept.replace(" ", "-")


def dead_links(path: Path) -> Iterator[str]:
    """One sentence for each link of a document that leads nowhere."""
    for target in LINK.findall(prose(path)):
        if ELSEWHERE.match(target):
            continue
        name, _, fragment = target.partition("#")
        file = (path.parent / name) if name else path
        if not file.exists():
            yield f"{path}: {target} leads to no file"
        elif fragment and fragment not in {anchor(found) for found in HEADING.findall(prose(file))}:
            yield f"{path}: {target} leads to no heading"


def documents() -> list[Path]:
    """Every Markdown file of the project."""
    hidden = [part for part in ROOT.iterdir() if not part.name.startswith(".")]
    files = [part for part in hidden if part.suffix == ".md"]
    return sorted([*files, *(file for part in hidden for file in part.rglob("*.md"))])


def main(arguments: Iterable[str]) -> int:
    """Print the dead links of the documents, or of all; the exit status."""
    paths = [Path(argument) for argument in arguments] or documents()
    found = [sentence for path in paths for sentence in dead_links(path)]
    for sentence in found:
        print(sentence)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
