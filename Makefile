# One word, one job. Every target installs what it needs into .venv; nothing else on the machine is touched.
PYTHON ?= python3
BIN := .venv/bin
LISTEN ?= 127.0.0.1:10777

.PHONY: demo test check bench faults docs stack lock clean

demo: .venv/runtime ## simulator + exporter, no account needed: http://127.0.0.1:10777/
	$(BIN)/contact-center-exporter demo --listen $(LISTEN)

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

bench: .venv/development ## the figures of docs/performance.md, as ratios measured in one run
	$(BIN)/python scripts/bench.py

lock: .venv/development ## pin the newest versions that pyproject.toml allows, with their hashes
	$(BIN)/pip install --quiet uv
	$(BIN)/uv pip compile --universal --upgrade --generate-hashes --no-header --no-annotate --no-emit-index-url \
	  --python-version 3.11 --quiet pyproject.toml --output-file requirements.lock
	$(BIN)/uv pip compile --universal --upgrade --generate-hashes --no-header --no-annotate --no-emit-index-url \
	  --python-version 3.11 --quiet pyproject.toml --group dev --output-file requirements-dev.lock

clean:
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis

.venv/runtime: requirements.lock pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all: -r requirements.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --editable .
	touch $@

.venv/development: requirements-dev.lock pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all: -r requirements-dev.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	touch .venv/runtime $@
