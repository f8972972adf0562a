# Everything runs in .venv, which the first target that needs it makes.

PYTHON ?= python3
CONFIG ?= configs/default.yaml
OUTPUT ?=
SCHEDULER ?=
WORKERS ?=

VENV := .venv
BIN := $(VENV)/bin
# Installed again when the dependencies or the interpreter change.
INPUTS := $(shell cat pyproject.toml .ci/constraints.txt | cksum | cut -d' ' -f1)-$(shell $(PYTHON) -c 'import sys; print(*sys.version_info[:3], sep=".")')
RUN_STAMP := $(VENV)/.run-$(INPUTS)
DEV_STAMP := $(VENV)/.dev-$(INPUTS)
ALL_STAMP := $(VENV)/.all-$(INPUTS)
# docTR, litData and mosaicml-streaming, to read exports; the packages of .venv are in their reach.
LOADERS := .venv-loaders
LOADERS_STAMP := $(LOADERS)/.loaders-$(INPUTS)-$(shell cksum < .ci/loaders.txt | cut -d' ' -f1)
# On a terminal pip shows what it does; make before 4.1 does not tell whether this is one.
PIP := $(BIN)/python -m pip install $(if $(MAKE_TERMOUT),,--quiet) --disable-pip-version-check --constraint .ci/constraints.txt
# Each of the many processes that tests start would compile all modules again.
PYTEST := PYTHONDONTWRITEBYTECODE= OMP_WAIT_POLICY=PASSIVE $(BIN)/python -m pytest --numprocesses 3 --dist loadfile
PLATFORMS := linux win32 darwin
BUILD := $(BIN)/digit-sequence build $(CONFIG) $(if $(OUTPUT),--output $(OUTPUT)) $(if $(SCHEDULER),--scheduler $(SCHEDULER)) $(if $(WORKERS),--workers $(WORKERS))

.PHONY: help install install-dev install-all dataset dry-run preview report browse kernels test test-extras test-all train train-real bench engine-equality reference gallery screenshots lint packages matrix format types $(PLATFORMS:%=types-%) clean
.DEFAULT_GOAL := help

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo 'Variables: CONFIG=$(CONFIG) OUTPUT=data/... SCHEDULER=threads|tcp://... WORKERS=2 PYTHON=$(PYTHON)'

install: $(RUN_STAMP) ## Install the program into .venv

install-dev: $(DEV_STAMP) ## Install what tests and checks need as well

install-all: $(LOADERS_STAMP) ## Install all extras, and what reads exports, as well

$(VENV)/bin/python:
	@echo 'Making the environment $(VENV) ...'
	@$(PYTHON) -m venv $(VENV)

$(RUN_STAMP): | $(VENV)/bin/python
	@echo 'Installing the program and some 85 packages, 1.3 GB, into $(VENV): minutes, once ...'
	@rm -f $(VENV)/.run-*
	@$(PIP) --editable '.[mnist-5k,dashboard,fast,report,browse]'
	@touch $@
	@echo 'Installed. To have digit-sequence in this shell: . $(VENV)/bin/activate'

$(DEV_STAMP): | $(RUN_STAMP)
	@echo 'Installing what tests need into $(VENV): minutes, once ...'
	@rm -f $(VENV)/.dev-*
	@$(PIP) --editable '.[dev]'
	@touch $@

$(ALL_STAMP): | $(DEV_STAMP)
	@echo 'Installing all extras, PyTorch among them (1 GB and more), into $(VENV): minutes, once ...'
	@rm -f $(VENV)/.all-*
	@$(PIP) --editable '.[dev,all,bench]'
	@touch $@

$(LOADERS_STAMP): $(ALL_STAMP) .ci/loaders.txt
	@echo 'Installing what reads exports into $(LOADERS): minutes, once ...'
	@rm -rf $(LOADERS)
	@$(PYTHON) -m venv $(LOADERS)
	@$(LOADERS)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --requirement .ci/loaders.txt
	@$(BIN)/python -c 'import site; print(site.getsitepackages()[0])' > $$($(LOADERS)/bin/python -c 'import site; print(site.getsitepackages()[0])')/venv.pth
	@touch $@

dataset: $(RUN_STAMP) ## Build the dataset of CONFIG
	@$(BUILD)

dry-run: $(RUN_STAMP) ## Print the plan of CONFIG
	@$(BUILD) --dry-run

preview: $(RUN_STAMP) ## Draw a contact sheet of CONFIG: preview.png
	@$(BIN)/digit-sequence preview $(CONFIG) -o preview.png --overwrite

report: $(RUN_STAMP) ## Write a page about OUTPUT, or CONFIG drawn live: report.html
	@$(BIN)/digit-sequence report $(if $(OUTPUT),$(OUTPUT),$(CONFIG)) -o report.html --overwrite

browse: $(RUN_STAMP) ## Explore OUTPUT, or CONFIG drawn live, in the browser
	@$(BIN)/digit-sequence browse $(if $(OUTPUT),$(OUTPUT),$(CONFIG))

kernels: $(DEV_STAMP) ## Compile all loops once, not in each process of the tests
	@$(BIN)/python -m tests.kernels

test: $(DEV_STAMP) ## Run the tests that need no extra
	@$(PYTEST)

test-extras: $(LOADERS_STAMP) ## Run the others: those of the extras, and those that kill many builds
	@$(PYTEST) -m 'extras or slow'

test-all: test test-extras ## Run all tests

train: $(ALL_STAMP) ## Teach a small network to read configs/train.yaml, drawn while it learns: runs/train
	@$(BIN)/digit-sequence train configs/train.yaml --also configs/long.yaml --epochs 12 --patience 12 --network fine --bfloat16

train-real: $(ALL_STAMP) ## Build configs/real.yaml and teach a reader of real crops: runs/real
	@$(BIN)/digit-sequence build configs/real.yaml
	@$(BIN)/digit-sequence train data/real --epochs 3 --batch-size 32

bench: $(ALL_STAMP) ## Measure speed and memory, under ten minutes: bench.json
	@$(BIN)/python -m tests.benchmarks $(BENCH)

engine-equality: $(DEV_STAMP) ## Compare the engines on a million random glyphs, some five minutes
	@$(BIN)/python -m tests.benchmarks.equality $(EQUALITY)

reference: $(DEV_STAMP) ## Write the pages that are made from the code, and the picture
	@$(BIN)/python -m digit_sequence.look.reference configs
	@$(BIN)/python -m tests.house
	@$(BIN)/digit-sequence preview configs/default.yaml -o configs/default.png -n 4

gallery: $(DEV_STAMP) ## Draw all transforms over their ranges, into configs/gallery
	@$(BIN)/python -m digit_sequence.look.gallery configs/gallery

screenshots: $(DEV_STAMP) ## Take the pictures of report and explorer; needs chromium
	@$(BIN)/python -m tests.screenshots configs/browse.png
	@$(BIN)/python -m tests.pictures configs/gallery/report.png

lint: $(DEV_STAMP) ## Check style
	@$(BIN)/ruff check pipeline tests configs
	@$(BIN)/ruff format --check pipeline tests configs
	@$(BIN)/hadolint configs/clusters/Dockerfile

packages: $(DEV_STAMP) ## Build wheel and sdist: dist
	@rm -rf dist
	@echo 'Building wheel and sdist ...'
	@$(BIN)/uv build --quiet --out-dir dist
	@ls dist/*

matrix: packages ## Install the wheel with oldest and newest dependencies, in each Python here, and use it
	@$(BIN)/python -m tests.matrix dist/*.whl $(MATRIX)

format: $(DEV_STAMP) ## Correct style
	@$(BIN)/ruff check --fix pipeline tests configs
	@$(BIN)/ruff format pipeline tests configs

types: $(PLATFORMS:%=types-%) ## Check types, as on Linux, Windows and macOS

$(PLATFORMS:%=types-%): types-%: $(DEV_STAMP)
	@$(BIN)/mypy --platform $* --cache-dir .mypy_cache/$*

clean: ## Remove .venv, caches, the pictures of preview and the report; data/ stays
	@rm -rf $(VENV) $(LOADERS) .mypy_cache .pytest_cache .ruff_cache .hypothesis build dist preview.png report.html
	@find pipeline tests -name __pycache__ -type d -exec rm -rf {} +
