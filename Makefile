# Undertow: what a person types.
#
#   make reproduce   set up, run the small experiment, say where its report is
#   make test        set up, run the tests, check the coverage of envs/
#   make help        the rest
#
# PYTHON names the interpreter that the environment is made from: make reproduce PYTHON=python3.12

PYTHON ?= python3
# More arguments for the step that installs torch, such as another index: TORCH_PIP_ARGS='--index-url URL'
TORCH_PIP_ARGS ?=
# More arguments for pytest: PYTEST_ARGS='-k stance -x'
PYTEST_ARGS ?=
# Test processes: a number, or auto for one a core.
TEST_WORKERS ?= auto

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.undertow-installed
TYPING := build/typing/undertow

# The nets are small and the work is spread over processes, so one thread each is the fastest; and
# sums then come out the same whatever the number of cores.
export OMP_NUM_THREADS ?= 1
export OPENBLAS_NUM_THREADS ?= 1
export MKL_NUM_THREADS ?= 1
export PIP_DISABLE_PIP_VERSION_CHECK ?= 1

# mypy sees the three folders as packages through links; pyproject.toml says why.
define check-types
@mkdir -p $(TYPING)
@for folder in envs agents experiments; do ln -sfn "../../../$$folder" "$(TYPING)/$$folder"; done
$(BIN)/mypy -p undertow.envs -p undertow.agents -p undertow.experiments
endef

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help venv reproduce headline test test-ray mutants bench lint types format clean distclean

help:  ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

venv: $(STAMP)  ## make .venv from the pinned dependencies

# Made again when a pin changes; an install that was cut short left no stamp and is taken up again.
$(STAMP): pyproject.toml setup.py constraints.txt
	@command -v '$(PYTHON)' >/dev/null || { \
	  echo "error: '$(PYTHON)' was not found. Install Python 3.11 or newer, or name one: make PYTHON=python3.12" >&2; exit 1; }
	@'$(PYTHON)' -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "error: Undertow needs Python 3.11 or newer; '$(PYTHON)' is $$('$(PYTHON)' --version 2>&1). Name another: make PYTHON=python3.12" >&2; exit 1; }
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || { \
	  echo "== making $(VENV)"; '$(PYTHON)' -m venv --clear $(VENV); } || { \
	  echo "error: '$(PYTHON) -m venv' failed. On Debian and Ubuntu, install the package python3-venv." >&2; exit 1; }
	@echo "== installing the pinned dependencies into $(VENV)"
	@$(BIN)/python -m pip install --quiet --upgrade -c constraints.txt pip setuptools
	@$(BIN)/python -m pip install --quiet -c constraints.txt $(TORCH_PIP_ARGS) torch
	@$(BIN)/python -m pip install --quiet -c constraints.txt --no-build-isolation -e '.[test,lint]'
	@touch $@

reproduce: $(STAMP)  ## run the small experiment and say where its report is
	@$(BIN)/undertow run experiments/configs/quickstart.yaml
	@echo "Report: results/quickstart/report.md"

headline: $(STAMP)  ## run the headline experiment (hours)
	@$(BIN)/undertow run experiments/configs/headline.yaml
	@echo "Report: results/headline/report.md"

test: $(STAMP)  ## run the tests; branch coverage of envs/ must reach 95%
	$(BIN)/python -m pytest -n $(TEST_WORKERS) --dist loadfile \
	  --cov=undertow.envs --cov-branch --cov-report=term-missing:skip-covered --cov-fail-under=95 $(PYTEST_ARGS)

test-ray: $(STAMP)  ## the tests that need Ray, on a cluster of two local nodes
	@$(BIN)/python -m pip install --quiet -c constraints.txt ray
	$(BIN)/python -m pytest tests/experiments/test_ray.py $(PYTEST_ARGS)

mutants: $(STAMP)  ## which small changes of envs/ no test of tests/envs sees (half an hour)
	@$(BIN)/python -m tests.mutation.mutants

bench: $(STAMP)  ## measure speed, one process, on a quiet machine
	@OMP_NUM_THREADS=2 $(BIN)/undertow bench

lint: $(STAMP)  ## ruff, mypy and the import rules
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(check-types)
	$(BIN)/lint-imports

types: $(STAMP)  ## mypy alone
	$(check-types)

format: $(STAMP)  ## put the code into shape
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:  ## remove what the tools leave; results and .venv stay
	rm -rf build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache htmlcov coverage.xml .coverage .coverage.*
	find envs agents experiments tests -type d -name __pycache__ -prune -exec rm -rf {} + 2>/dev/null || true

distclean: clean  ## and .venv too
	rm -rf $(VENV)
