#!/usr/bin/env bash
# Writes the lock: every version and hash for every platform and every extra, and no address of an index. What is
# locked stays as it is as long as it fits; `scripts/lock.sh --upgrade` takes the newest.
set -eu
cd "$(dirname "$0")/.."
scripts/setup.sh uv
uv() { "${VENV:-.venv}/uv/bin/uv" pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate "$@"; }
uv --group pyproject.toml:setup "$@" -o requirements/uv.txt
uv --group pyproject.toml:client "$@" -o requirements/client.txt
uv pyproject.toml --all-extras --group build --group test "$@" -o requirements/lock.txt
