#!/usr/bin/env bash
# Writes requirements/*.txt from pyproject.toml. Keeps each version that still fits, unless
# `--upgrade` is said. Names no package index: the one that uv is set up with is asked.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

compile() {
    local output=$1
    shift
    "${UV:-uv}" pip compile --quiet --universal --python-version 3.11 --generate-hashes \
        --no-header --no-annotate --output-file "$output" "$@"
}

project() {
    compile "$@" --no-emit-package kztasks --no-emit-package kztasks-bindings --extra fast \
        pyproject.toml
}

project requirements/dev.txt --group dev "$@"
project requirements/run.txt --group build --constraint requirements/dev.txt "$@"
compile requirements/kazoo-sdk.txt --group kazoo-sdk --constraint requirements/dev.txt "$@"
compile requirements/bench.txt --group bench --constraint requirements/dev.txt "$@"
