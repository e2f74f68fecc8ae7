# Every target sets up what it needs: Python 3.11 or later and make are enough to begin.

PYTHON := $(shell for p in python3.11 python3.12 python3.13 python3.14 python3 python; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$p; break; }; done)
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.installed
WORKERS ?= 2
SEED ?= $(shell date +%s)
ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help demo serve test check bench soak mutants openapi format lock

help: ## Show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 18
	@printf '\n  ARGS="…" is passed on: make test ARGS="-k policy", make demo ARGS=--keep\n'

$(READY): requirements/dev.txt pyproject.toml
	@test -n "$(PYTHON)" || { echo "Python 3.11 or later is needed: install it and run make again" >&2; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements/dev.txt
	PYTHONWARNINGS=ignore $(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

demo: $(READY) ## Play the whole story on a server of its own, then stop it
	$(BIN)/halyard demo $(ARGS)

serve: $(READY) ## Run a server on this machine, with SQLite and the worker inside
	$(BIN)/halyard serve $(ARGS)

test: $(READY) ## Run all tests on SQLite, then on PostgreSQL
	$(BIN)/python -m pytest -q -n $(WORKERS) --dist worksteal --database=sqlite $(ARGS)
	$(BIN)/python -m pytest -q -n $(WORKERS) --dist worksteal --database=postgresql $(ARGS)

check: $(READY) ## Check format, lint, types, floors and generated files; changes nothing
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/halyard openapi --check

bench: $(READY) ## Print figures with ratios, on both databases
	$(BIN)/python -m bench $(ARGS)

soak: $(READY) ## Run the long stories on both databases: make soak SEED=… repeats a run
	@echo "SEED=$(SEED)"
	HALYARD_TEST_SEED=$(SEED) $(BIN)/python -m pytest -q --database=sqlite --soak tests/stories $(ARGS)
	HALYARD_TEST_SEED=$(SEED) $(BIN)/python -m pytest -q --database=postgresql --soak tests/stories $(ARGS)
	$(MAKE) mutants ARGS=
	@echo "SEED=$(SEED)"

mutants: $(READY) ## Change every rule of the policy in turn: each change must fail a test
	$(BIN)/python tests/policy/mutants.py $(ARGS)

openapi: $(READY) ## Write openapi.yaml anew from the code
	$(BIN)/halyard openapi

format: $(READY) ## Format the code and sort its imports
	$(BIN)/ruff check --select I --fix .
	$(BIN)/ruff format .

PIP_COMPILE = $(BIN)/pip-compile --quiet --generate-hashes --allow-unsafe --strip-extras --no-header \
	--no-emit-index-url --no-emit-trusted-host --no-emit-find-links --no-emit-options

lock: $(READY) ## Lock dependencies again; make lock ARGS=--upgrade takes newer ones
	$(PIP_COMPILE) $(ARGS) --output-file requirements/build.txt requirements/build.in
	$(PIP_COMPILE) $(ARGS) --output-file requirements/runtime.txt requirements/runtime.in
	$(PIP_COMPILE) $(ARGS) --output-file requirements/dev.txt requirements/dev.in
