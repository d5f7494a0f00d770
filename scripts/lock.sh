#!/usr/bin/env bash
# Writes the locks: every version and hash for every platform, and no address of an index.
# Needs uv (`pip install uv`); run it after changing the dependencies in pyproject.toml.
set -eu
cd "$(dirname "$0")/.."
options=(--universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate --quiet --group build)
# What `make run` installs leaves out the heavy reference model; the tests have it.
uv pip compile pyproject.toml "${options[@]}" --extra parquet --extra postgresql "$@" -o requirements/run.txt
uv pip compile pyproject.toml "${options[@]}" --all-extras "$@" --group test -c requirements/run.txt -o requirements/test.txt
