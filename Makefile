# make demo | make web | make test | make test-all | make parity. Each creates .venv where it is missing and installs once.
# make wheel-test tries the wheel in an empty environment; make constraints renews the versions that all of them install.
PYTHON ?= python3
BIN := .venv/bin
export TF_CPP_MIN_LOG_LEVEL ?= 2

.PHONY: demo web test test-all lint wheel-test constraints bench parity clean

.venv/installed: setup.cfg pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(None if (3, 11) <= v <= (3, 13) else f"dpt_tf needs Python 3.11 to 3.13, this is {v[0]}.{v[1]}: make PYTHON=python3.12")'
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --constraint constraints.txt --upgrade pip 'setuptools<81'
	$(BIN)/pip install --quiet --no-compile --constraint constraints.txt --editable '.[dev]'
	@touch $@

demo: .venv/installed
	$(BIN)/python -m dpt_tf demo

web: .venv/installed
	$(BIN)/python -m serving.web

lint: .venv/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

test: lint
	$(BIN)/pytest -m 'not slow' -n 2 --dist loadfile

test-all: lint
	$(BIN)/pytest -n 2 --dist loadfile
	$(BIN)/python tests/wheel.py

wheel-test: .venv/installed
	$(BIN)/python tests/wheel.py

.venv-uv/bin/uv:
	$(PYTHON) -m venv .venv-uv
	.venv-uv/bin/pip install --quiet uv

# One file for every system and Python that setup.cfg allows. Versions that still fit stay; make constraints UPGRADE=--upgrade
# takes the newest.
constraints: .venv-uv/bin/uv
	.venv-uv/bin/uv pip compile --quiet --universal --python-version 3.11 --extra dev $(UPGRADE) --no-annotate \
		--custom-compile-command 'make constraints' --output-file constraints.txt setup.cfg

bench: .venv/installed
	$(BIN)/python benchmarks/speed.py

# tensorflow-addons, in its own environment: it ended with TensorFlow 2.15 and Python 3.11.
PARITY_PYTHON ?= $(firstword $(foreach p,python3.11 python3.10 python3.9,$(if $(shell $(p) --version 2>&1 | grep '^Python 3'),$(p))))

.venv-parity/installed: benchmarks/parity/requirements.txt
	@test -n '$(PARITY_PYTHON)' || { echo 'make parity needs Python 3.9, 3.10 or 3.11: make parity PARITY_PYTHON=/path/to/python3.11' >&2; exit 2; }
	$(PARITY_PYTHON) -m venv .venv-parity
	.venv-parity/bin/pip install --quiet --requirement benchmarks/parity/requirements.txt
	@touch $@

parity: .venv/installed .venv-parity/installed
	.venv-parity/bin/python -W ignore benchmarks/parity/reference.py .venv-parity/reference.npz
	$(BIN)/python benchmarks/parity/compare.py .venv-parity/reference.npz

clean:
	rm -rf .venv .venv-parity .venv-uv build dist runs data
