# `make` prints this help. Everything here also works without make: README.md has the plain commands.

.DEFAULT_GOAL := help
PYTHON ?= python3
BIN := .venv/bin

.PHONY: help setup check test test-slow test-sdk mutants lint fmt golden demo

help: ## Print this help
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk 'BEGIN {FS = ":.*## "} {printf "  %-10s %s\n", $$1, $$2}'

setup: ## Make .venv with everything that development needs
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --editable '.[test]'

check: ## All that CI runs: style, types, imports and tests
	$(BIN)/pytest -n auto

test: ## The tests without style, types and imports; fastest first feedback
	$(BIN)/pytest -n auto --ignore tests/house

test-slow: ## Storms: random kills, frozen processes, long runs
	$(BIN)/pytest -m slow

test-sdk: ## The reference catalog with the real Trigger.dev SDK, which npm installs (part of test-slow)
	$(BIN)/pytest -m slow tests/catalog/sdk

mutants: ## Sow bugs into copies of the package; the tests must catch every one
	$(BIN)/python -m tests.mutants

lint: ## Style, types and the direction of imports
	$(BIN)/pytest tests/house

fmt: ## Format and fix what can be fixed
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

golden: ## Rewrite the expected output of the golden configurations, for review in the diff
	KONGFLOW_REWRITE_GOLDEN=1 $(BIN)/pytest -q tests/config

demo: ## Run the main job of the reference catalog and show what it did
	$(BIN)/kongflow validate
	$(BIN)/kongflow enqueue scheduleEmail '{"email": "welcome", "to": "ada@example.com", "name": "Ada"}'
	$(BIN)/kongflow run --once
	$(BIN)/kongflow jobs list
