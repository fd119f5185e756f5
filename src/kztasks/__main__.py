"""`python -m kztasks`."""

from kztasks.cli.main import main

main()
