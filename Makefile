# `make run` and `make test` set everything up by themselves; PYTHON=... chooses the Python.
VENV := .venv/bin

.PHONY: help run test lint setup clean

help:  ## Show this list
	@grep -E '^[a-z]+:.*##' Makefile | sed -E 's/:.*## /\t/' | expand -t 10

run:  ## Open the window
	@sh tools/setup.sh window
	@$(VENV)/python -m hybridstudio || { echo "The command line here: $(VENV)/hybridstudio"; exit 1; }

test: lint  ## Run every check and test
	@# One thread: two on a busy machine with two cores can be ten times slower.
	@OMP_NUM_THREADS=1 QT_QPA_PLATFORM=offscreen $(VENV)/python -m pytest $(ARGS)

lint: setup  ## Run ruff and mypy
	@$(VENV)/python -m ruff check
	@$(VENV)/python -m mypy

setup:  ## Install all that tests need, without running them
	@sh tools/setup.sh test

clean:  ## Remove the environment and caches; runs stay
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis
