# `make run` and `make test` do all set-up by themselves; everything lands in .venv and .cache.
SHELL := /bin/bash
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
TOOLS := .venv-tools
# Tests wait for servers and for the disk, and processors are free meanwhile.
JOBS ?= 3
SAMPLE := $(CURDIR)/.cache/sample
export BARLEDGER_SAMPLE_DIR ?= $(SAMPLE)
export UV_PROJECT_ENVIRONMENT := $(VENV)
# Empty is unset: without bytecode each process and each command that a test starts compiles everything anew.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: help run stop test test-fast test-pandas2 lint docs examples torture bench quality setup servers clean

help: ## what can be made
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 20

run: setup ## the main job on real data, in a library of its own, and a server for it in the background
	@$(BIN)/barledger demo --serve $(DEMO)

stop: ## stop that server
	@$(BIN)/barledger demo --stop

test: setup servers ## every test, on real servers
	@$(MAKE) --no-print-directory --jobs=$(JOBS) --output-sync lint test-pandas2
	@$(BIN)/pytest -n $(JOBS) --dist loadfile --no-loadscope-reorder

# Each part by itself, every contract, and the way of a bar from its source to whoever asks.
FAST = tests/unit tests/contract tests/integration/test_versions.py tests/integration/test_facade.py \
  tests/integration/ingestion tests/integration/test_client.py tests/integration/cli tests/api/test_bars.py

test-fast: setup ## parts, contracts and the way of a bar, without a server, in under two minutes
	@$(BIN)/pytest $(FAST) -n $(JOBS) --dist loadfile --hypothesis-profile=few \
	  -m "not influx and not postgres and not slow"

test-pandas2: $(VENV)-pandas2/.complete ## frames in and out, with the oldest pandas that is supported
	@$(VENV)-pandas2/bin/python -m pytest -q -m "not influx and not postgres and not slow" \
	  tests/unit/test_intake.py tests/unit/test_bars.py tests/unit/test_digest.py tests/contract/test_memory_store.py \
	  tests/integration/test_versions.py

lint: setup ## style, types, import rules and what is unsafe
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/bandit --quiet --configfile pyproject.toml --recursive --severity-level medium src
	@$(BIN)/python -m barledger.indicators.catalogue --check docs/indicators.md
	@$(BIN)/python -m barledger.api.reference --check docs/api.md

docs: setup ## the list of indicators into docs/indicators.md, and the API's reference into docs/api.md
	@$(BIN)/python -m barledger.indicators.catalogue docs/indicators.md
	@$(BIN)/python -m barledger.api.reference docs/api.md

examples: setup ## record the examples of answers that the API's description shows anew
	@$(BIN)/python -m barledger.api.examples

torture: setup servers ## a hundred kills, the API at length, and all the slow properties; about an hour
	@BARLEDGER_TORTURE=1 $(BIN)/pytest -m "slow or torture" --timeout=3600

bench: setup servers ## ratios against peers and limits, into docs/benchmarks.md
	@UV_PROJECT_ENVIRONMENT=$(VENV)-bench $(TOOLS)/bin/uv sync --quiet --frozen --all-extras --no-default-groups --group bench
	@$(VENV)-bench/bin/python -m benchmarks

quality: setup ## how well errors within a series are found, into docs/quality.md
	@$(BIN)/python -m benchmarks.quality

setup: $(VENV)/.complete

$(TOOLS)/bin/uv:
	@scripts/make-tools "$(PYTHON)" "$(TOOLS)"

$(VENV)/.complete: pyproject.toml uv.lock $(TOOLS)/bin/uv
	@$(TOOLS)/bin/uv venv --quiet --allow-existing --python "$(PYTHON)" $(VENV)
	@$(TOOLS)/bin/uv sync --quiet --frozen --all-extras --compile-bytecode
	@$(TOOLS)/bin/python -m pip download --quiet --no-deps --only-binary=:all: --dest "$(SAMPLE)" bokeh-sampledata==2025.0
	@touch $@

$(VENV)-pandas2/.complete: pyproject.toml uv.lock $(TOOLS)/bin/uv
	@$(TOOLS)/bin/uv venv --quiet --allow-existing --python "$(PYTHON)" $(VENV)-pandas2
	@$(TOOLS)/bin/uv export --quiet --frozen --all-extras --no-hashes --no-emit-project \
	  | grep -v '^pandas==' >$(VENV)-pandas2/constraints.txt
	@$(TOOLS)/bin/uv pip install --quiet --python $(VENV)-pandas2 --constraints $(VENV)-pandas2/constraints.txt \
	  --editable '.[all]' 'pandas==2.2.*' pytest pytest-timeout hypothesis
	@touch $@

servers:
	@scripts/install-servers

clean: ## remove what was made here
	rm -rf $(VENV) $(VENV)-pandas2 $(VENV)-bench $(TOOLS) .cache .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache dist
