# make demo | make test | make parity. Each creates .venv where it is missing and installs once.
PYTHON ?= python3
BIN := .venv/bin
export TF_CPP_MIN_LOG_LEVEL ?= 2

.PHONY: demo test lint bench parity clean

.venv/installed: setup.cfg pyproject.toml
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(None if (3, 10) <= v <= (3, 13) else f"dpt_tf needs Python 3.10 to 3.13, this is {v[0]}.{v[1]}: make PYTHON=python3.12")'
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --upgrade pip setuptools
	$(BIN)/pip install --quiet --editable '.[dev]'
	@touch $@

demo: .venv/installed
	$(BIN)/python -m dpt_tf demo

lint: .venv/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

test: lint
	$(BIN)/pytest -m 'not slow'

bench: .venv/installed
	$(BIN)/python benchmarks/speed.py

clean:
	rm -rf .venv .venv-parity runs data
