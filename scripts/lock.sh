#!/usr/bin/env bash
# Writes the locks: every version and hash for every platform, and no address of an index.
# Needs uv (`pip install uv`); run it after changing the dependencies in pyproject.toml.
set -eu
cd "$(dirname "$0")/.."
options=(--universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate --quiet --group build)
uv pip compile pyproject.toml "${options[@]}" --all-extras "$@" --group test -o requirements/test.txt
# What `make run` installs leaves out the heavy reference model; every version is the one that the tests have.
uv pip compile pyproject.toml "${options[@]}" --extra parquet --extra postgresql -c requirements/test.txt -o requirements/run.txt
