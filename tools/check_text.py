"""Text files with blanks at the ends of lines, carriage returns, or no newline at their end.

    python tools/check_text.py [FILE ...]

Without arguments: every file that git tracks. Binary files, and data whose bytes are the point
(`*.csv`), are left alone. Exit status 1 if there is anything to mend.
"""

import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parent.parent
DATA: Final = {".csv"}
MAX_BYTES: Final = 1_000_000


def faults(path: Path) -> Iterator[str]:
    """One sentence for each kind of fault in a file."""
    content = path.read_bytes()
    if len(content) > MAX_BYTES:
        yield f"{path}: has {len(content)} bytes; large files do not belong here"
    if path.suffix in DATA or b"\0" in content:
        return
    if content and (not content.endswith(b"\n") or content.endswith(b"\n\n")):
        yield f"{path}: does not end in exactly one newline"
    if b"\r" in content:
        yield f"{path}: has carriage returns"
    for number, line in enumerate(content.split(b"\n"), start=1):
        if line.endswith((b" ", b"\t")):
            yield f"{path}:{number}: ends in blanks"


def tracked() -> list[Path]:
    """The files of the project as git knows them, less those that were deleted just now."""
    command = ["git", "-C", str(ROOT), "ls-files", "-z"]
    listed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    paths = [ROOT / name for name in listed.split("\0") if name]
    return [path for path in paths if path.is_file() and not path.is_symlink()]


def main(arguments: Iterable[str]) -> int:
    """Print the faults of the files, or of all tracked ones; the exit status."""
    paths = [Path(argument) for argument in arguments] or tracked()
    found = [sentence for path in paths for sentence in faults(path)]
    for sentence in found:
        print(sentence)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
