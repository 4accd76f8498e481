# Two commands on a fresh machine: `make sweep` and `make test`. Everything else helps to work on raysweep.
# Recipes use relative paths and quotes only, so that a folder with spaces does no harm.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
PYTHON ?= python3.11
SWEEP ?= sweeps/quickstart.yaml
ARGS ?=

RUN := .venv/bin/python
# A stamp is newer than what it was installed from; so the second time starts at once.
RUNTIME := .venv/.runtime-installed
EXTRAS := .venv/.test-installed

.PHONY: sweep test setup check format bench nightly clean

sweep: $(RUNTIME) ## run a sweep: make sweep SWEEP=sweeps/x.yaml ARGS="train.num_epochs=5"
	$(RUN) -m raysweep "$(SWEEP)" $(ARGS)

test: check ## every check, then every test that CI runs
	$(RUN) -m pytest -m computing --numprocesses 2 --dist loadfile
	$(RUN) -m pytest -m "not computing and not nightly"

setup: $(EXTRAS) ## all that tests and checks need

check: $(EXTRAS) ## format, lint, types, layers
	$(RUN) -m ruff format --check .
	$(RUN) -m ruff check .
	$(RUN) -m mypy
	.venv/bin/lint-imports

format: $(EXTRAS) ## bring the code into shape
	$(RUN) -m ruff format .
	$(RUN) -m ruff check --fix .

bench: $(EXTRAS) ## the benchmarks
	$(RUN) benchmarks/overhead.py
	$(RUN) benchmarks/reports.py
	$(RUN) benchmarks/soak.py --minutes 20

nightly: $(EXTRAS) ## the long tests too
	$(RUN) -m pytest

clean: ## forget the virtual environment
	rm -rf .venv

.venv/bin/python:
	$(PYTHON) -m venv .venv || python3 -m venv .venv

$(RUNTIME): pyproject.toml constraints.txt | .venv/bin/python
	$(RUN) -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable .
	touch "$@"

$(EXTRAS): pyproject.toml constraints.txt | .venv/bin/python
	$(RUN) -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable ".[test]"
	touch "$@" "$(RUNTIME)"
