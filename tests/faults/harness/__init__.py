"""The fault harness: real processes on a private broker and store, broken on purpose.

`tests/faults/README.md` says how to add a row to the matrix and how to read a failure.
"""
