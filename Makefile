# One word, one job. Every target installs what it needs into .venv; nothing else on the machine is touched.
PYTHON ?= python3
BIN := .venv/bin
LISTEN ?= 127.0.0.1:10777
MINUTES ?= 60
SPEED ?= 20
ENGINE ?= $(notdir $(firstword $(foreach engine,docker podman buildah,$(shell command -v $(engine)))))
IMAGE ?= contact-center-exporter
VERSION := $(shell sed -n 's/^__version__ = "\(.*\)"/\1/p' exporter/__init__.py)
# BUILD takes more words for the engine: --build-arg BASE_DIGEST=sha256:... --platform linux/amd64,linux/arm64
BUILDING = BUILDAH_FORMAT=docker $(ENGINE) build --build-arg VERSION=$(VERSION) --build-arg SOURCE=$(SOURCE) \
  --build-arg REVISION=$(shell git describe --always --dirty --abbrev=40 --exclude='*' 2>/dev/null) $(BUILD)

.PHONY: help demo stack test check boards bench faults mutants soak docs picture image sbom lock clean

help: ## this list
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' Makefile | expand -t 10

demo: .venv/runtime ## simulator + exporter, no account needed: http://127.0.0.1:10777/
	$(BIN)/contact-center-exporter demo --config config.yaml --listen $(LISTEN)

stack: .venv/runtime ## simulator, exporter, Prometheus and Alertmanager in a rush, until Ctrl-C
	$(BIN)/python scripts/stack.py

test: .venv/development ## every test; those that need a program you lack say so and skip
	$(BIN)/pytest --numprocesses auto --dist loadfile

check: .venv/development ## what CI runs: format, lint, types, import rules, docs, tests
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python scripts/docs.py --check
	$(BIN)/pytest --numprocesses auto --dist loadfile

docs: .venv/development ## write docs/metrics.md and the field tables anew from the code
	$(BIN)/python scripts/docs.py

boards: .venv/development ## write grafana/dashboards/*.json anew; DOCS=https://... is where docs/ is published
	$(BIN)/python grafana/boards.py $(if $(DOCS),--docs "$(DOCS)")

bench: .venv/development ## write the figures of docs/performance.md anew, beside the peers; PART=scrape alone
	$(BIN)/python -m bench $(PART)

faults: .venv/development ## 90 faults and a plain exporter to compare: docs/reliability.md, in a quarter of an hour
	SPEED=$(SPEED) $(BIN)/python scripts/faults.py

mutants: .venv/development ## a million spoilt answers, and configs and requests by the hundred thousand: half an hour
	$(BIN)/python scripts/faults.py mutants

soak: .venv/development ## MINUTES=60 of 50 accounts with 10 % faults: what grows meanwhile
	SPEED=$(SPEED) $(BIN)/pytest tests/faults -m "" -k fault_82 --minutes $(MINUTES) --log-cli-level INFO

picture: .venv/development ## docs/images anew from a `make stack` of 20 minutes ago; needs chromium
	$(BIN)/python scripts/picture.py

image: ## a container image by ENGINE: docker, podman or buildah; docs/operations.md tells more
	$(BUILDING) --tag $(IMAGE):$(VERSION) .

sbom: ## sbom.cdx.json: what is in that image, as CycloneDX; the image has it in /app
	$(BUILDING) --target sbom --output . .

lock: .venv/development ## pin the newest versions that pyproject.toml allows, with their hashes
	$(BIN)/pip install --quiet uv
	$(BIN)/uv pip compile --universal --upgrade --generate-hashes --no-header --no-annotate --no-emit-index-url \
	  --python-version 3.11 --quiet pyproject.toml --output-file requirements.lock
	$(BIN)/uv pip compile --universal --upgrade --generate-hashes --no-header --no-annotate --no-emit-index-url \
	  --python-version 3.11 --quiet pyproject.toml --group dev --output-file requirements-dev.lock
	$(BIN)/uv pip compile --universal --upgrade --generate-hashes --no-header --no-annotate --no-emit-index-url \
	  --python-version 3.11 --quiet --group image --constraint requirements-dev.lock --output-file requirements-image.lock

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
