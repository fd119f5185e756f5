"""`python -m tasks_bindings MODULE:APP`: run an instance of an app."""

from __future__ import annotations

import argparse

from tasks_bindings.errors import DefinitionError
from tasks_bindings.sdk.load import load_app
from tasks_bindings.sdk.process import main as run


def main() -> None:
    """Parse the command line and run."""
    parser = argparse.ArgumentParser(prog="python -m tasks_bindings", description=__doc__)
    parser.add_argument("target", metavar="MODULE:APP", help="such as apps.skel:app")
    target = parser.parse_args().target
    try:
        app = load_app(target)
    except DefinitionError as error:
        parser.error(str(error))
    run(app)


if __name__ == "__main__":
    main()
