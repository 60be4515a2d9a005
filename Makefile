# Thin: every command below works without make, and says so in `make help`.

PYTHON ?= $(shell tools/find-python)
BIN := .venv/bin
# Passed on: `make up ARGS="--refresh"`, `make test ARGS="-k gateway"`.
ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help setup setup-all up down doctor test check docs image rehearsal-tools

help: ## List these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## Install what is missing: uv, .venv, the Pulumi engine (python3 tools/bootstrap)
	@$(PYTHON) tools/bootstrap

setup-all: ## The same with the extras of every cloud and of rehearsals, which tests and checks need
	@$(PYTHON) tools/bootstrap up --extra aws --extra kubernetes --extra policies --extra rehearsal

up: setup ## Bring the stack dev up on this machine (inferloop up)
	@$(BIN)/inferloop up $(ARGS)

down: ## Take the stack dev down, asking before data is deleted (inferloop down)
	@$(BIN)/inferloop down $(ARGS)

doctor: ## Check every prerequisite (python3 tools/bootstrap doctor)
	@$(PYTHON) tools/bootstrap doctor

test: setup-all ## Run all tests, with coverage (tools/run-tests)
	@tools/run-tests $(ARGS)

check: setup-all ## Lint, types, import rules, docs drift, lock file (tools/run-checks)
	@tools/run-checks

docs: setup-all ## Write the generated pages and build the site (python tools/docs generate, mkdocs build)
	@$(BIN)/python tools/docs generate
	@$(BIN)/mkdocs build --strict

image: setup ## Build the runtime's CPU image (python tools/image wheels, build)
	@$(BIN)/python tools/image wheels
	@$(BIN)/python tools/image build --target cpu

rehearsal-tools: setup-all ## Build what rehearsals run, fetch what charts bring (tools/bootstrap control-plane, tools/charts fetch)
	@$(PYTHON) tools/bootstrap control-plane
	@$(BIN)/python tools/charts fetch
