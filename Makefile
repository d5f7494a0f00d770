# Two commands: `make run` serves, `make test` proves. Both set up what they need.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
WORKBOOK ?=
HOST ?= 127.0.0.1
PORT ?= 8000

.PHONY: help run install test test-setup lint types coverage docs lock clean

help:  ## What can be made
	@grep -hE '^[a-z-]+:.*##' Makefile | sed -E 's/:.*## /\t/' | expand -t 14

run: install  ## Train if needed, then serve: make run [WORKBOOK=file.xlsx] [PORT=8000]
	$(BIN)/farol demo $(if $(WORKBOOK),--workbook "$(WORKBOOK)") --host $(HOST) --port $(PORT)

install: $(VENV)/.installed-run  ## Fill .venv with Farol and what it runs on

test: test-setup  ## Lint, types, every test, coverage
	scripts/test.sh

test-setup: $(VENV)/.installed-test
	scripts/setup.sh system-for-tests

lint: $(VENV)/.installed-test  ## Style alone
	$(BIN)/ruff check . && $(BIN)/ruff format --check .

types: $(VENV)/.installed-test  ## Types alone
	$(BIN)/mypy

docs: $(VENV)/.installed-test  ## Write again the pages of docs/ that are generated
	$(BIN)/python scripts/generate_docs.py

lock:  ## Resolve the dependencies anew (needs uv)
	scripts/lock.sh

clean:  ## Remove what was installed and cached; artifacts/ and data/ stay
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage* htmlcov build dist

$(VENV)/.installed-run: requirements/run.txt pyproject.toml
	PYTHON="$(PYTHON)" VENV="$(VENV)" scripts/setup.sh run

$(VENV)/.installed-test: requirements/test.txt pyproject.toml
	PYTHON="$(PYTHON)" VENV="$(VENV)" scripts/setup.sh test
	@touch $(VENV)/.installed-run
