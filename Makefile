# Two commands: `make run` serves, `make test` proves. Both set up what they need.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
WORKBOOK ?=
EXTRAS ?=
HOST ?= 127.0.0.1
PORT ?= 8000
export PYTHON VENV EXTRAS

.PHONY: help run install test test-setup test-install lint types coverage docs lock clean

help:  ## What can be made
	@grep -hE '^[a-z-]+:.*##' Makefile | sed -E 's/:.*## /\t/' | expand -t 14

run: install  ## Serve a demonstration, or your own: make run [WORKBOOK=file.xlsx] [PORT=8000] [EXTRAS=parquet]
	"$(BIN)/farol" demo $(if $(WORKBOOK),--workbook "$(WORKBOOK)") --host $(HOST) --port $(PORT)

install:  ## Fill .venv with Farol and what it runs on
	@scripts/setup.sh run

test: test-setup  ## Lint, types, every test, coverage
	scripts/test.sh

test-setup: test-install
	@scripts/setup.sh system-for-tests

test-install:
	@scripts/setup.sh test

lint: test-install  ## Style and layers
	"$(BIN)/ruff" check . && "$(BIN)/ruff" format --check . && "$(BIN)/lint-imports"

types: test-install  ## Types alone
	"$(BIN)/mypy"

docs: test-install  ## Write again the pages of docs/ that are generated
	"$(BIN)/python" -m scripts.generate_docs

lock:  ## Resolve the dependencies anew
	scripts/lock.sh

clean:  ## Remove what was installed and cached; artifacts/ and data/ stay
	rm -rf "$(VENV)" .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage* htmlcov build dist
