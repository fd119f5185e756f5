# Everything that is done with this folder, by people and by CI. `make` lists the verbs.

BIN := .venv/bin
PYTEST := $(BIN)/pytest
SETUP := tools/bootstrap.sh
RUN := .venv/.kztasks-run
DEV := .venv/.kztasks-dev
KAZOO_SDK := .venv/kazoo-sdk/.kztasks
RIVALS := .venv/bench/.kztasks
PROJECTS := pyproject.toml bindings/pyproject.toml
SHELL_SCRIPTS := tools/bootstrap.sh tools/lock.sh .ci/run
WORKERS := 3
yes = $(filter-out 0 no false,$(1))

.DEFAULT_GOAL := help
.PHONY: help run install fmt lint types unit contract integration e2e faults faults-report bench bench-report test check \
	lock docs clean servers

help:  ## this list
	@awk -F ':.*## ' '/^[a-z0-9]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' Makefile

run: $(RUN)  ## start everything in one process, with a sample job (ONCE=1: then end; PORT=8000)
	@exec $(BIN)/kztasks dev $(if $(call yes,$(ONCE)),--once) $(if $(PORT),--port $(PORT))

install: $(DEV) $(KAZOO_SDK) servers  ## set up for work on the code; the other verbs do it by themselves

fmt: $(DEV)  ## format the code and mend what can be mended without a thought
	@$(BIN)/ruff check --quiet --fix --exit-zero
	@$(BIN)/ruff format --quiet

lint: $(DEV)  ## style, who imports what, sizes, spelling, shell scripts
	@failed=0; \
	try() { said=$$("$$@" 2>&1) || { failed=1; printf '%s\n' "$$said"; }; }; \
	try $(BIN)/ruff check --output-format concise; \
	try $(BIN)/ruff format --check; \
	try $(BIN)/lint-imports --no-logo; \
	try $(BIN)/python tools/check_sizes.py; \
	try $(BIN)/python tools/check_text.py; \
	try $(BIN)/codespell; \
	try $(BIN)/shellcheck $(SHELL_SCRIPTS); \
	exit $$failed

types: $(DEV)  ## strict types
	@$(BIN)/mypy

unit: $(DEV)  ## tests of single modules; no server, seconds
	@$(PYTEST) tests/unit

contract: $(DEV) servers  ## tests that every transport, and every store, passes alike
	@$(PYTEST) tests/contract

integration: $(DEV) servers  ## tests on a private RabbitMQ and the embedded store
	@$(PYTEST) tests/integration

e2e: $(DEV) $(KAZOO_SDK) servers  ## tests of whole processes, over HTTP
	@$(PYTEST) tests/e2e

faults: $(DEV) servers  ## break processes, broker and store (ROW=F1 SEED=123 SCALE=0.1 LANE=quick)
	@$(PYTEST) tests/faults -m $(if $(filter quick,$(LANE)),faults_quick,faults) \
		$(if $(ROW),--row $(ROW)) $(if $(SEED),--seed $(SEED)) $(if $(SCALE),--scale $(SCALE))

faults-report: $(DEV)  ## put the latest results of `make faults` into docs/fault-matrix.md
	@$(BIN)/python -m tests.faults.harness.report

bench: $(DEV) $(RIVALS) servers  ## measure, beside what else one would take (CASE=identity_1m SCALE=0.1 ROUNDS=3)
	@$(BIN)/python -m tests.bench $(if $(CASE),--case '$(CASE)') $(if $(SCALE),--scale $(SCALE)) \
		$(if $(ROUNDS),--rounds $(ROUNDS))

bench-report: $(DEV)  ## put the latest whole results of `make bench` into docs/benchmarks.md (RESULTS=file)
	@$(BIN)/python -m tests.bench.harness.report $(RESULTS)

test: $(DEV) $(KAZOO_SDK) servers  ## every test but the slow lane `faults`
	@failed=0; \
	$(PYTEST) -n $(WORKERS) --dist loadfile --no-loadscope-reorder -m "not faults and not faults_quick and not alone" || failed=1; \
	$(PYTEST) -m "faults_quick or alone" || failed=1; \
	exit $$failed

check: lint types test  ## what CI runs

docs: $(DEV)  ## check that the links in the documents lead somewhere
	@$(BIN)/python tools/check_links.py

lock: $(DEV)  ## renew the lock files after a change of pyproject.toml (UPGRADE=1: newest versions)
	@UV=$(BIN)/uv tools/lock.sh $(if $(call yes,$(UPGRADE)),--upgrade)

clean:  ## remove .venv, caches and build results; data stays
	@rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache \
		.grimp_cache build dist
	@find src bindings apps tests tools -name __pycache__ -prune -exec rm -rf {} +

servers:
	@$(SETUP) servers

$(RUN): requirements/run.txt $(PROJECTS) $(SETUP)
	@$(SETUP) run

$(DEV): requirements/dev.txt $(PROJECTS) $(SETUP)
	@$(SETUP) dev

$(KAZOO_SDK): requirements/kazoo-sdk.txt $(DEV)
	@$(SETUP) kazoo-sdk

$(RIVALS): requirements/bench.txt $(DEV)
	@$(SETUP) bench
