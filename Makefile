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
INSTALLED_TO_RUN = $(VENV)/installed-run.txt
CONSOLE = $(PY) -m console.build
PYTEST = $(PY) -m pytest -n auto --dist loadfile --no-loadscope-reorder --maxfail 10
COMPILE = $(LOCK_ENV)/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-annotate --no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" pyproject.toml

.DEFAULT_GOAL := help
.PHONY: help run console explorer test test-matrix test-faults test-days poison security mutants check format bench bench-query bench-fanout chaos conformance schema docs lists migration lock clean

help:  ## List the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' Makefile

run: $(INSTALLED_TO_RUN)  ## Start the desk on replayed prices; PORT=9000 for another port
	@$(CONSOLE) --if-possible
	@$(if $(PORT),GATEWAY_PORT=$(PORT)) exec $(PY) -m gateway serve --demo $(ARGS)

console: $(INSTALLED_TO_RUN)  ## Build the pages in a browser; nothing to do while their sources are the same
	@$(CONSOLE)

explorer: $(INSTALLED_TO_RUN)  ## Build the GraphQL explorer of the desk; it needs no internet afterwards
	@$(CONSOLE) --explorer

test: $(INSTALLED)  ## Run the tests, those of the API on one stack; ARGS="tests/unit -k case" for some
	@$(CONSOLE) --if-possible
	@$(PYTEST) --stacks usual -m "not faults" --ignore tests/guards $(ARGS)

test-matrix: $(INSTALLED)  ## Run the tests of the API on PostgreSQL and Redis too
	@$(PYTEST) --stacks others -m "not faults" tests/api $(ARGS)

test-faults: $(INSTALLED)  ## Kill processes, break servers, take the long ways: tours, all migrations
	@$(PYTEST) -m faults $(ARGS)

check: $(INSTALLED)  ## Format, lint, types, imports, guards: all that needs no server
	@failed=; \
	$(PY) -m ruff format --check . || failed="$$failed format"; \
	$(PY) -m ruff check . || failed="$$failed lint"; \
	$(PY) -m mypy || failed="$$failed types"; \
	$(VENV)/bin/lint-imports || failed="$$failed imports"; \
	$(CONSOLE) --if-possible || failed="$$failed console"; \
	$(PY) -m pytest -q tests/guards || failed="$$failed guards"; \
	[ -z "$$failed" ] || { echo "make check fails in:$$failed" >&2; exit 1; }

format: $(INSTALLED)  ## Format and mend what ruff can mend
	@$(PY) -m ruff format .
	@$(PY) -m ruff check --fix .

chaos: $(INSTALLED)  ## Break everything under a running desk, see what subscribers miss; ARGS="--seed 7"
	@$(PY) -m tests.chaos $(ARGS)

conformance: $(INSTALLED)  ## Try GraphQL clients that others wrote on the demo desk; ARGS="--only apollo"
	@$(PY) -m tests.conformance $(ARGS)

security: $(INSTALLED)  ## Attack a desk from outside for 10 minutes; ARGS="--seconds 60 --seed 7" is shorter
	@$(PY) -m tests.security $(ARGS)

poison: $(INSTALLED)  ## Feed a desk 11,000 messages of which 10,000 are bad; about 2 minutes
	@$(PY) -m tests.faults $(ARGS)

test-days: $(INSTALLED)  ## Recompute 10,000 random days independently; ARGS=10 lives through 10 times 10 days
	@ORACLE_LIVES=$(or $(ARGS),1000) $(PY) -m pytest -q -n auto --dist load tests/oracle

mutants: $(INSTALLED)  ## Change the rules one place at a time, see what no unit test notices; ARGS="margin cure"
	@$(PY) -m tests.mutants $(ARGS)

bench: $(INSTALLED)  ## Measure; see bench/README.md
	@$(PY) -m bench $(ARGS)

bench-query: $(INSTALLED)  ## Pages of the API beside other servers; ARGS="--quick --operations page"
	@$(PY) -m bench.query $(ARGS)

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
	@$(PY) -m docs.generate_clients

lists: $(INSTALLED)  ## Copy currencies and markets from the packages that keep them into domain/
	@$(PY) -m docs.generate_reference_lists

migration: $(INSTALLED)  ## Write a migration for changed tables; NAME=what_changes
	@$(VENV)/bin/tortoise makemigrations -n $(or $(NAME),$(error NAME=what_changes is needed))

lock:  ## Pin the dependencies of pyproject.toml again; ARGS=--upgrade takes newer ones
	@$(PYTHON) -m venv --clear $(LOCK_ENV)
	@$(LOCK_ENV)/bin/python -m pip install --quiet --disable-pip-version-check uv
	@$(COMPILE) $(ARGS) --output-file requirements/run.txt
	@$(COMPILE) $(ARGS) --group pages --constraints requirements/run.txt --output-file requirements/pages.txt
	@$(COMPILE) $(ARGS) --group dev --extra telemetry --constraints requirements/pages.txt --output-file requirements/dev.txt
	@$(COMPILE) $(ARGS) --extra telemetry --constraints requirements/dev.txt --output-file requirements/telemetry.txt

clean:  ## Remove the environment, caches and the embedded database
	rm -rf $(VENV) build console/node_modules console/explorer/node_modules mutants .data .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# A copy of the lock file marks the environment as complete: a new lock builds it again, a new date does not. `make run`
# needs Node for the pages but no developers' tools; they are added to its environment when another command needs them.
$(INSTALLED_TO_RUN): requirements/pages.txt
	@if cmp -s $< $@; then touch $@; \
	elif cmp -s requirements/dev.txt $(INSTALLED); then cp $< $@; \
	else $(call new_environment,$<,510); $(call install,$<,$@); fi

$(INSTALLED): requirements/dev.txt
	@if cmp -s $< $@; then touch $@; \
	else cmp -s requirements/pages.txt $(INSTALLED_TO_RUN) && $(call say_what,$<,340) || { $(call new_environment,$<,850); }; \
	$(call install,$<,$@); cp requirements/pages.txt $(INSTALLED_TO_RUN); fi

# $(call say_what,LOCK,MB)
say_what = echo "Installing the `grep -c == $(1)` packages of $(1) into $(VENV), once: about $(2) MB, a minute or more"

# $(call new_environment,LOCK,MB)
define new_environment
$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
	{ echo "Python 3.11 or newer is needed: PYTHON=python3.12 make ..." >&2; exit 1; }; \
$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || \
	{ echo "Python's venv is missing; on Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; }; \
$(call say_what,$(1),$(2)); \
$(PYTHON) -m venv --clear $(VENV) || exit 1
endef

# $(call install,LOCK,MARK): pip names each package as it fetches it; they are counted on one line of a terminal.
# A pipe hides whether pip failed, so the mark tells.
define install
if [ -t 1 ]; then one_line=1; else one_line=0; fi; \
{ PYTHONUNBUFFERED=1 $(PY) -m pip install --progress-bar off --disable-pip-version-check --no-input --require-hashes -r $(1) && \
	cp $(1) $(2); } | awk -v packages=`grep -c == $(1)` -v one_line=$$one_line ' \
	/^(Collecting|Processing|Ignoring|Requirement already satisfied:) / { \
		sub(/^Ignoring /, ""); sub(/: markers .*/, ""); sub(/ in [^ ]*$$/, ""); sub(/ in [^ ]* \(from .*/, ""); \
		sub(/ \(from .*/, ""); sub(/.*[ \/]/, ""); sub(/(==|-[0-9]|:).*/, ""); \
		show(++count " of " packages ": " $$0) } \
	/^Installing collected/ { show("unpacking them ...") } \
	END { if (one_line) printf "\n" } \
	function show(text) { printf one_line ? "\r\033[K  %s" : "  %s\n", text; fflush() }'; \
cmp -s $(1) $(2) || \
	{ echo "The dependencies were not installed: is there a network? Without one, pip says that no version matches." >&2; exit 1; }
endef
