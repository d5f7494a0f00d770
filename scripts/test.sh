#!/usr/bin/env bash
# What `make test` runs once everything is installed: style, types, words, tests, coverage.
set -euo pipefail
cd "$(dirname "$0")/.."
BIN="${VENV:-.venv}/bin"

"$BIN/ruff" check .
"$BIN/ruff" format --check .
"$BIN/lint-imports"
"$BIN/mypy"
"$BIN/python" -m scripts.catalog check
"$BIN/python" -m scripts.generate_docs --check

rm -f .coverage .coverage.*
"$BIN/python" -m pytest -n "${WORKERS:-2}" --dist loadfile --cov=src/farol --cov-branch --cov-report=
"$BIN/python" -m coverage report --fail-under=90
# The critical parts are covered wholly, lines and branches.
critical='src/farol/workbook/*,src/farol/evaluation/*,src/farol/training/*,src/farol/store/*,src/farol/drift/*'
critical+=',src/farol/outcomes/*,src/farol/alerts/*,src/farol/advice/*'
critical+=',src/farol/model/features.py,src/farol/model/inputs.py,src/farol/model/bins.py,src/farol/model/reference.py'
critical+=',src/farol/model/scoring.py,src/farol/model/counters.py,src/farol/model/bundle.py'
"$BIN/python" -m coverage report --fail-under=100 --include="$critical"
