# planflow: what one types. Needs Python 3.11 or newer and make; everything else comes with pip.

PYTHON ?= python3
JOBS ?= 2
SEED ?= 1
ARGS ?=

BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install -qq -c constraints.txt
PYTEST := $(BIN)/python -m pytest -n $(JOBS) --dist worksteal

.PHONY: help demo test check soak audit-dependencies format docs bench clean venv

help:
	@echo 'make demo    set up, replay Liuzhou 2019 over HTTP, print the table, go on serving (ARGS=--exit stops)'
	@echo 'make test    every test that Python alone can run'
	@echo 'make check   format, lint, types, imports, security, every test, the wheel in an empty environment'
	@echo 'make soak    the long seeded runs (SEED=n)'
	@echo 'make audit-dependencies  ask for known faults of what is pinned; needs the internet'
	@echo 'make bench   speed as ratios against floors (ARGS=--full: the sizes of docs/reference/speed.md)'
	@echo 'make format  write the code as the format check wants it'
	@echo 'make docs    write the generated pages and build the site in build/docs'
	@echo 'make venv    the development environment in .venv (PYTHON=python3.12 picks another Python)'
	@echo 'make clean   remove everything that can be made again'

demo: .venv/.runtime
	@$(BIN)/planflow demo $(ARGS)

test: .venv/.dev
	$(PYTEST) -m 'not soak and not system and not wheel' $(ARGS)

# pytest comes last: its closing line is the last line of the check.
check: .venv/.dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/bandit -q -r src api
	$(PYTEST) -m 'not soak'

soak: .venv/.dev
	PLANFLOW_SOAK_SEED=$(SEED) $(BIN)/python -m pytest -m soak $(ARGS)

# In an environment of its own: it is no part of what is looked through. Strict: what it could not ask about is
# a fault too, where it would otherwise say that nothing is known.
audit-dependencies: .venv/.base
	$(PYTHON) -m venv build/audit
	build/audit/bin/python -m pip --disable-pip-version-check install -qq pip-audit
	build/audit/bin/python -m pip_audit --strict --no-deps --disable-pip -r constraints.txt

bench: .venv/.dev
	$(BIN)/python -m bench $(ARGS)

format: .venv/.dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

docs: .venv/.dev
	$(BIN)/python docs/_generate
	$(BIN)/sphinx-build -W --keep-going -q docs build/docs

venv: .venv/.dev

# The build backend is pinned too: it lives in the environment, and pip builds without an isolated one.
.venv/.base:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "planflow needs Python 3.11 or newer; this is " + sys.version.split()[0] + ". Try: make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv --clear .venv
	@touch $@

.venv/.runtime: .venv/.base pyproject.toml constraints.txt
	$(PIP) hatchling
	$(PIP) --no-build-isolation -e .
	@touch $@

.venv/.dev: .venv/.runtime
	$(PIP) --no-build-isolation -e '.[dev]'
	@touch $@

clean:
	rm -rf .venv build dist .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	find src api tests -name __pycache__ -type d -prune -exec rm -rf {} +
