"""`python -m kztasks`."""

from kztasks.cli import main

main()
