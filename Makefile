# RxGuard: every verb here does its own set-up. `make help` lists them.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
MEMBERS := shared/clinical shared/contracts shared/ingest shared/runtime shared/embedded \
           services/prescriptions services/monitor services/interactions services/compounding services/alerts cli
OWN := rx-alerts rx-clinical rx-compounding rx-contracts rx-embedded rx-ingest rx-interactions rx-monitor rx-prescriptions rx-runtime
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
COMPILE := uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header

.PHONY: help
help:  ## list the verbs
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(VENV)/run.stamp: requirements.lock $(MEMBERS:%=%/pyproject.toml)
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' \
	  || { echo "RxGuard needs Python 3.11, 3.12 or 3.13: make PYTHON=python3.11 ..." >&2; exit 2; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing the locked requirements (about a minute the first time)" >&2
	@$(PIP) install --require-hashes -r requirements.lock
	@$(PIP) install --no-index --no-deps --no-build-isolation $(MEMBERS:%=-e %)
	@touch $@

$(VENV)/dev.stamp: $(VENV)/run.stamp requirements-dev.lock
	@echo "installing the test tools" >&2
	@$(PIP) install --require-hashes -r requirements-dev.lock
	@touch $@

.PHONY: install
install: $(VENV)/run.stamp  ## set up .venv with the services and the rxguard program

.PHONY: demo
demo: $(VENV)/run.stamp  ## the main job on the embedded stack: real input in, alerts out
	@$(BIN)/rxguard demo

.PHONY: up
up: $(VENV)/run.stamp  ## start the embedded stack and the five services, until Ctrl-C
	@$(BIN)/rxguard up

.PHONY: test
test: $(VENV)/dev.stamp  ## lint, types and every test, on the embedded Kafka and PostgreSQL
	@$(BIN)/ruff check . && $(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache
	@$(BIN)/python -m pytest

.PHONY: bench-core
bench-core: $(VENV)/run.stamp  ## what it costs to decide about a patient; needs no server
	@$(BIN)/python bench/core.py

.PHONY: bench-quick
bench-quick: $(VENV)/run.stamp  ## the bench in small, under five minutes: do all engines run, is their output right
	@$(BIN)/python -m bench --quick

.PHONY: bench
bench: $(VENV)/run.stamp  ## the whole bench, up to 90 minutes on a machine that does nothing else; never in CI
	@$(BIN)/python -m bench

.PHONY: faults
faults: $(VENV)/dev.stamp  ## the long fault tests, then a million events and two hundred kills; about two hours
	@FAULTS=long $(BIN)/python -m pytest tests/faults
	@$(BIN)/python -m tests.faults.endurance --output bench/results/faults.json

.venv-mutate/run.stamp: tools/mutation/requirements.lock
	@test -x .venv-mutate/bin/python || $(PYTHON) -m venv .venv-mutate
	@.venv-mutate/bin/python -m pip --disable-pip-version-check --quiet install --require-hashes -r $<
	@touch $@

.PHONY: mutate
mutate: .venv-mutate/run.stamp  ## wrong edits of the clinical core that no test notices; ONLY=rules/withdrawal/engine.py,rules/withdrawal/wr_02.py
	@.venv-mutate/bin/python -m tools.mutation --only "$(ONLY)" $(if $(AGAIN),--again)

.PHONY: protos
protos: $(VENV)/dev.stamp  ## regenerate the committed protobuf code
	@$(BIN)/python tools/generate_protos.py

.PHONY: docs
docs: $(VENV)/dev.stamp  ## regenerate the committed contract and rule pages and the tables of docs/operations.md
	@$(BIN)/python tools/generate_docs.py
	@$(BIN)/python -m tools.generate_rules
	@$(BIN)/python tools/generate_operations.py

.PHONY: rule
rule: $(VENV)/dev.stamp  ## write the skeleton of a new rule: file, row, scenario and page; ID=LD-11
	@$(BIN)/python -m tools.new_rule "$(ID)"

.PHONY: relevance
relevance: $(VENV)/run.stamp  ## after a change of the tables: which codes make an event relevant, and since when
	@$(BIN)/python tools/generate_relevance.py

.PHONY: lock
lock:  ## recompute all lock files (needs uv)
	@$(COMPILE) $(OWN:%=--no-emit-package %) -o requirements.lock requirements-build.in $(MEMBERS:%=%/pyproject.toml)
	@$(COMPILE) -o requirements-dev.lock requirements-dev.in
	@for service in services/*/; do \
	  $(COMPILE) --no-annotate $(OWN:%=--no-emit-package %) -c requirements.lock -o $$service/requirements.lock \
	    requirements-build.in $$service/pyproject.toml; done
	@$(COMPILE) -o bench/engines/quix.lock bench/engines/quix.in

.PHONY: clean
clean:  ## remove .venv and caches
	@rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
