# One word, one job. Every target installs what it needs into .venv; nothing else on the machine is touched.
PYTHON ?= python3
BIN := .venv/bin
LISTEN ?= 127.0.0.1:10777

.PHONY: help demo test check bench docs picture lock clean

help: ## this list
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' Makefile | expand -t 10

demo: .venv/runtime ## simulator + exporter, no account needed: http://127.0.0.1:10777/
	$(BIN)/contact-center-exporter demo --config config.yaml --listen $(LISTEN)

test: .venv/development ## every test; those that need a program you lack say so and skip
	$(BIN)/pytest

check: .venv/development ## what CI runs: format, lint, types, import rules, docs, tests
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python scripts/docs.py --check
	$(BIN)/pytest

docs: .venv/development ## write docs/metrics.md and the field tables anew from the code
	$(BIN)/python scripts/docs.py

bench: .venv/development ## how fast it is, as ratios measured in one run
	$(BIN)/python scripts/bench.py

picture: .venv/development ## docs/images/status.png anew from a running `make demo`; needs chromium
	$(BIN)/python scripts/picture.py

lock: .venv/development ## pin the newest versions that pyproject.toml allows, with their hashes
	$(BIN)/pip install --quiet uv
	$(BIN)/uv pip compile --universal --upgrade --generate-hashes --no-header --no-annotate --no-emit-index-url \
	  --python-version 3.11 --quiet pyproject.toml --output-file requirements.lock
	$(BIN)/uv pip compile --universal --upgrade --generate-hashes --no-header --no-annotate --no-emit-index-url \
	  --python-version 3.11 --quiet pyproject.toml --group dev --output-file requirements-dev.lock

clean: ## forget what was installed and measured
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis

.venv/runtime: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make demo PYTHON=python3.12")'
	@echo "Installing into .venv: a minute or two"
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all: -r requirements.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --editable .
	touch $@

.venv/development: requirements-dev.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make test PYTHON=python3.12")'
	@echo "Installing into .venv: a minute or two"
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all: -r requirements-dev.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	touch .venv/runtime $@
