#!/usr/bin/env bash
# What `make test` runs once everything is installed: style, types, words, tests, coverage.
set -euo pipefail
cd "$(dirname "$0")/.."
BIN="${VENV:-.venv}/bin"

"$BIN/ruff" check .
"$BIN/ruff" format --check .
"$BIN/mypy"
"$BIN/python" scripts/catalog.py check
"$BIN/python" scripts/generate_docs.py --check

rm -f .coverage .coverage.*
"$BIN/python" -m pytest -n "${WORKERS:-2}" --dist loadfile --cov=src/farol --cov-branch --cov-report=
"$BIN/python" -m coverage report --fail-under=90
# The critical parts are covered wholly, lines and branches.
"$BIN/python" -m coverage report --fail-under=100 --include='src/farol/workbook/*,src/farol/model/features.py,src/farol/model/reference.py,src/farol/training/*,src/farol/model/scoring.py,src/farol/model/single.py,src/farol/model/counters.py,src/farol/model/bundle.py,src/farol/monitoring/*,src/farol/store/*'
