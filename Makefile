# Everything a developer does. Each target installs what it needs; nothing is installed outside .venv and the cluster's
# own cache (tests/cluster).
PYTHON ?= python3
BIN := .venv/bin
LOCK := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links
export PYTHONPATH := operator:trainer:.

.DEFAULT_GOAL := help
.PHONY: help venv lint format lock docs test test-full unit backtest demo demo-down cluster-up cluster-down images clean bench-gate bench-drift bench-days bench-metrics

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  \1\t\2/' | expand -t 18

venv: .venv/installed ## the development environment, from hash-locked requirements

.venv/installed: requirements/dev.txt
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Python 3.11 or later is needed; set PYTHON=")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	@touch $@

lint: venv ## style, types, layers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

format: venv ## put the code into the house format
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

lock: venv ## write requirements/*.txt anew from pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	$(LOCK) --all-extras pyproject.toml -o requirements/dev.txt
	for extra in operator trainer; do $(LOCK) --extra $$extra pyproject.toml -o requirements/$$extra.txt; done
	$(LOCK) --extra trainer --extra mlflow --constraint requirements/trainer.txt --constraint requirements/dev.txt \
		pyproject.toml -o requirements/trainer-mlflow.txt
	$(LOCK) --group mlflow-server -o requirements/mlflow-server.txt

docs: venv ## write docs/reference.md anew from the CRD
	$(BIN)/python docs/generate.py

unit: venv ## the tests that need no cluster
	$(BIN)/pytest tests/unit

test: lint ## lint, unit, a real API server, real pods (one per outcome)
	$(BIN)/python -m tests.cluster up
	$(BIN)/pytest -m "not full"

test-full: lint ## everything
	$(BIN)/python -m tests.cluster up
	$(BIN)/pytest

demo: venv ## real flights of 2013 on a real cluster, from nothing
	$(BIN)/python -m examples.flights

backtest: venv ## a year of flights, replayed under a policy of defaults (docs/backtest.md)
	$(BIN)/python -m examples.flights.backtest --every 14d

demo-down: venv ## remove what the demo made (the cluster itself: make cluster-down)
	$(BIN)/python -m examples.flights --down

bench-gate: venv ## what the gate's confidence is worth: false promotions and power, simulated
	$(BIN)/python -m bench.gate

bench-drift: venv ## how far the flights of each month are from those of January and February
	$(BIN)/python -m bench.drift

bench-days: venv ## how much one day resembles the next, on real flights
	$(BIN)/python -m bench.days

bench-metrics: venv ## what a scrape of /metrics costs, by the number of policies
	$(BIN)/python -m bench.metrics

cluster-up: venv ## start or repair the cluster of tests and demo
	$(BIN)/python -m tests.cluster up

cluster-down: venv ## stop it
	$(BIN)/python -m tests.cluster down

images: venv ## the images, loaded into the cluster
	$(BIN)/python -m tests.cluster build --tag 0.1.0

clean: ## remove caches of the tools (the cluster's cache stays)
	rm -rf .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis build dist
	find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -rf {} +
