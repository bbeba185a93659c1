PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
PACKAGES := basrec pipeline flows

.PHONY: run quick serve test check audit format clean help

help:  ## say what there is
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

run: $(STAMP)  ## the main job on the embedded sample: prepare, train, evaluate, report
	$(BIN)/basrec run configs/sample.yaml

quick: $(STAMP)  ## a small sweep on the embedded sample, some minutes on two cores
	$(BIN)/basrec sweep quick

serve: $(STAMP)  ## a Prefect server with UI and a worker on this machine, everything deployed
	$(BIN)/basrec serve

test: $(STAMP)  ## all tests
	$(BIN)/python -m pytest --numprocesses auto

check: audit  ## formatting, lint, types, SQL, known vulnerabilities
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/sqlfluff lint --processes 2 -q sql
	$(BIN)/pre-commit validate-config

audit: $(STAMP)  ## known vulnerabilities of the pinned set, where their index can be reached
	$(BIN)/python tools/audit.py constraints.txt

format: $(STAMP)  ## format the code
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; v = sys.version.split()[0]; \
	  sys.exit(0 if sys.version_info >= (3, 11) else f"Python 3.11 or newer is needed, {v} found; try make PYTHON=python3.12")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $(STAMP)

clean:  ## remove the environment and caches; data/ stays
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache dist
