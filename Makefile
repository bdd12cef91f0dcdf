# Every developer command. `make` alone lists them.

PYTHON ?= python3
VENV ?= .venv
LOCK_ENV ?= build/lock-env
PORT ?=
ARGS ?=

# Compiled modules are kept, also where the environment says otherwise: a command starts in 1.3 instead of 2.0 s.
unexport PYTHONDONTWRITEBYTECODE

PY = $(VENV)/bin/python
INSTALLED = $(VENV)/installed.txt
PYTEST = $(PY) -m pytest -n auto --dist loadfile --no-loadscope-reorder --maxfail 10
COMPILE = $(LOCK_ENV)/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-annotate --no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" pyproject.toml

.DEFAULT_GOAL := help
.PHONY: help run test test-matrix test-faults test-days poison check format bench bench-fanout chaos schema docs lists migration lock clean

help:  ## List the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' Makefile

run: $(INSTALLED)  ## Start the desk on replayed prices; PORT=9000 for another port
	@$(if $(PORT),GATEWAY_PORT=$(PORT)) exec $(PY) -m gateway serve --demo $(ARGS)

test: $(INSTALLED)  ## Run the tests, those of the API on one stack; ARGS="tests/unit -k case" for some
	@$(PYTEST) --stacks usual -m "not faults" $(ARGS)

test-matrix: $(INSTALLED)  ## Run the tests of the API on PostgreSQL and Redis too
	@$(PYTEST) --stacks others -m "not faults" tests/api $(ARGS)

test-faults: $(INSTALLED)  ## Kill processes, break servers, take the tours of the documents
	@$(PYTEST) -m faults $(ARGS)

check: $(INSTALLED)  ## Format, lint, types, imports, guards: all that needs no server
	@failed=; \
	$(PY) -m ruff format --check . || failed="$$failed format"; \
	$(PY) -m ruff check . || failed="$$failed lint"; \
	$(PY) -m mypy || failed="$$failed types"; \
	$(VENV)/bin/lint-imports || failed="$$failed imports"; \
	$(PY) -m pytest -q tests/guards || failed="$$failed guards"; \
	[ -z "$$failed" ] || { echo "make check fails in:$$failed" >&2; exit 1; }

format: $(INSTALLED)  ## Format and mend what ruff can mend
	@$(PY) -m ruff format .
	@$(PY) -m ruff check --fix .

chaos: $(INSTALLED)  ## Break everything under a running desk, see what subscribers miss; ARGS="--seed 7"
	@$(PY) -m tests.chaos $(ARGS)

poison: $(INSTALLED)  ## Feed a desk 11,000 messages of which 10,000 are bad; about 2 minutes
	@$(PY) -m tests.faults $(ARGS)

test-days: $(INSTALLED)  ## Recompute 10,000 random days independently; ARGS=10 lives through 10 times 10 days
	@ORACLE_LIVES=$(or $(ARGS),1000) $(PY) -m pytest -q -n auto --dist load tests/oracle

bench: $(INSTALLED)  ## Measure; see bench/README.md
	@$(PY) -m bench $(ARGS)

bench-fanout: $(INSTALLED)  ## One event to 1,000 subscribers, beside other servers; ARGS=--quick is shorter
	@$(PY) -m bench.fanout $(ARGS)

schema: $(INSTALLED)  ## Write schema.graphql from the code
	@mkdir -p build
	@$(PY) -m gateway schema > build/schema.graphql
	@mv build/schema.graphql schema.graphql

docs: $(INSTALLED)  ## Write the pages that are made from the code
	@mkdir -p build
	@$(PY) -m gateway.cli.settings_doc > build/settings.md
	@mv build/settings.md docs/settings.md
	@$(PY) -m docs.generate_state_machines

lists: $(INSTALLED)  ## Copy currencies and markets from the packages that keep them into domain/
	@$(PY) -m docs.generate_reference_lists

migration: $(INSTALLED)  ## Write a migration for changed tables; NAME=what_changes
	@$(VENV)/bin/tortoise makemigrations -n $(or $(NAME),$(error NAME=what_changes is needed))

lock:  ## Pin the dependencies of pyproject.toml again; ARGS=--upgrade takes newer ones
	@$(PYTHON) -m venv --clear $(LOCK_ENV)
	@$(LOCK_ENV)/bin/python -m pip install --quiet --disable-pip-version-check uv
	@$(COMPILE) $(ARGS) --output-file requirements/run.txt
	@$(COMPILE) $(ARGS) --group dev --constraints requirements/run.txt --output-file requirements/dev.txt

clean:  ## Remove the environment, caches and the embedded database
	rm -rf $(VENV) build .data .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# A copy of the lock file marks the environment as complete: a new lock builds it again, a new date does not.
$(INSTALLED): requirements/dev.txt
	@if cmp -s $< $@; then touch $@; else $(MAKE) --no-print-directory environment; fi

.PHONY: environment
environment:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
		{ echo "Python 3.11 or newer is needed: PYTHON=python3.12 make ..." >&2; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || \
		{ echo "Python's venv is missing; on Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; }
	@echo "Installing the `grep -c == requirements/dev.txt` pinned dependencies into $(VENV), once:" \
		"about 560 MB, a minute or more ..."
	@$(PYTHON) -m venv --clear $(VENV)
	@$(PY) -m pip install --quiet --disable-pip-version-check --no-input --require-hashes -r requirements/dev.txt || \
		{ echo "The dependencies were not installed. Without a network, pip says that there is no such version." >&2; exit 1; }
	@cp requirements/dev.txt $(INSTALLED)
