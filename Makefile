# `make demo` and `make test` install everything that they need.
PYTHON ?= python3
VENV ?= .venv
CORES ?= all
NO_ENVIRONMENT := Specify a conda environment or container for each rule.:
BIN := $(abspath $(VENV))/bin
#: Tests in several processes, of up to 2.5 GB each.
PARALLEL := --numprocesses auto --maxprocesses 4 --dist
export PATH := $(BIN):$(PATH)

#: mkdocs-material prints news about its successors otherwise.
export NO_MKDOCS_2_WARNING := 1

.PHONY: install demo studio docs docs-pictures test test-all test-browser test-slurm test-faults test-fuzz test-bounds test-docs lint audit bench pictures clean help

install: $(VENV)/.installed  ## nst with its workflow, in .venv
	@echo "nst is installed. Next: . $(VENV)/bin/activate && nst --help"

demo: $(VENV)/.installed  ## stylize the demo manifest
	snakemake --cores $(CORES)

studio: $(VENV)/.installed-studio  ## the web app
	nst studio --open

test: $(VENV)/.installed-test  ## the default tests
	pytest $(PARALLEL) loadfile

test-all: $(VENV)/.installed-test  ## including tests that take minutes
	pytest -m "slow or not slow"

test-browser: $(VENV)/.installed-test  ## test the gallery in Debian's Chromium
	command -v chromium >/dev/null || apt-get install -y -qq --no-install-recommends chromium
	pytest $(PARALLEL) loadfile -m "slow or not slow" tests/browser

test-slurm: $(VENV)/.installed-test  ## run a grid and its failures on a local Slurm
	pytest -rs -m "slow or not slow" tests/slurm $(SLURM_TESTS)

test-faults: $(VENV)/.installed-test  ## kills, full disks, lost workers: no result is lost or repeated
	pytest $(PARALLEL) worksteal -rs -m "slow or not slow" tests/faults $(FAULTS)

test-fuzz: $(VENV)/.installed-test  ## thousands of malformed inputs, with limits on time and memory
	pytest $(PARALLEL) worksteal --hypothesis-profile fuzz tests/fuzz $(FUZZ)

test-bounds: $(VENV)/.installed-test  ## with the lowest versions that pyproject.toml allows, and with the newest
	tests/bounds.sh $(BOUNDS)

lint: $(VENV)/.installed-test  ## style, types, imports and their order
	ruff check .
	ruff format --check nst snakemake_logger_plugin_nst tests data docs
	snakefmt --check Snakefile workflow nst/commands/project
	# The rules have no conda environment, as Snakemake itself imports nst: allow only this message.
	test "$$(snakemake --lint 2>&1 | sed -n 's/^    \* //p' | sort -u)" = "$(NO_ENVIRONMENT)"
	mypy
	lint-imports

docs: $(VENV)/.installed-docs  ## the documentation site, in site/
	mkdocs build --strict  # with --quiet it would not count warnings

test-docs: $(VENV)/.installed-test $(VENV)/.installed-docs  ## links, commands and reference of README and docs
	pytest $(PARALLEL) worksteal tests/docs

docs-pictures: $(VENV)/.installed-test  ## render all pictures of the documentation; takes hours
	python docs/scripts/all.py

audit: $(VENV)/.installed-test  ## known vulnerabilities of the locked dependencies (needs internet access)
	uvx pip-audit --requirement requirements.lock --no-deps --disable-pip

bench: $(VENV)/.installed-test  ## speed and losses relative to the PyTorch baseline
	python tests/benchmarks/engine.py
	python tests/benchmarks/optimizers.py
	python tests/benchmarks/grid.py
	python tests/benchmarks/overhead.py
	python tests/benchmarks/stages.py
	python tests/benchmarks/throughput.py
	python tests/benchmarks/cluster.py
	python tests/benchmarks/gallery.py --browse

pictures: $(VENV)/.installed  ## render the sample images
	python data/paint

$(VENV)/.installed: pyproject.toml requirements.lock
	@echo "Installing into $(VENV): some minutes and gigabytes, most of it PyTorch"
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet -c requirements.lock -e ".[workflow]"
	touch $@

$(VENV)/.installed-studio: $(VENV)/.installed
	$(BIN)/pip install --quiet -c requirements.lock -e ".[studio]"
	touch $@

$(VENV)/.installed-docs: $(VENV)/.installed
	$(BIN)/pip install --quiet -c requirements.lock -e ".[docs]"
	touch $@

$(VENV)/.installed-test: $(VENV)/.installed
	$(BIN)/pip install --quiet -c requirements.lock -e ".[test,slurm]"
	touch $@

clean:  ## remove the environment and Snakemake's records; results stay
	rm -rf $(VENV) .snakemake

help:  ## this list
	@sed -n 's/^\([a-z-]*\):[^#]*## /\1\t/p' Makefile | expand -t 16
