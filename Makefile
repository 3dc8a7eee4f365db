# make train [RECIPE=name or path] [ARGS="--field value ..."]     trains, from a fresh clone on
# make new RECIPE=name FROM=recipe or DATA=file                   begins a recipe of your own
# make help lists the rest

RECIPE ?= arithmetic
ARGS   ?=
FROM   :=
DATA   :=
PYTHON ?= python3
BIN    := .venv/bin

UNKNOWN := $(foreach name,$(.VARIABLES),$(if $(findstring command,$(origin $(name))),\
             $(filter-out RECIPE ARGS RUN FROM DATA PYTHON SHELL MAKE%,$(name))))
ifneq ($(strip $(UNKNOWN)),)
$(error there is no variable $(strip $(UNKNOWN)); take RECIPE, ARGS, RUN, FROM, DATA or PYTHON)
endif

.DEFAULT_GOAL := help
.PHONY: help install install-dev new show train resume report eval test test-slow test-gpu check clean
WORKERS := --numprocesses auto --maxprocesses 4 --dist loadfile
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

help:                ## list these targets
	@sed -n 's/^\([a-z-]*\):.*## /make \1  — /p' Makefile

install: .venv/installed ## make .venv and install what was tested
install-dev: .venv/installed-dev ## and what tests and checks need

.venv/installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' || \
	  { echo "error: Python 3.11 to 3.13 is needed, $(PYTHON) is $$($(PYTHON) -V 2>&1); name one: make PYTHON=python3.12" >&2; exit 2; }
	@echo "installing into .venv (once, a few minutes)"
	$(PYTHON) -m venv .venv
	$(PIP) --editable .
	@touch $@

.venv/installed-dev: .venv/installed
	$(PIP) --editable '.[dev]'
	@touch $@

new: .venv/installed ## begin the recipe RECIPE as a copy of FROM, or for the questions and answers of DATA
ifeq ($(origin RECIPE),file)
	@echo "error: which name? make new RECIPE=my_task FROM=gsm8k_fewshot, or DATA=my.csv" >&2; exit 2
else
	@$(BIN)/python -m rlvr_recipes.new "$(RECIPE)" $(if $(FROM),--from "$(FROM)") $(if $(DATA),--data "$(DATA)") $(ARGS)
endif

show: .venv/installed ## print a prompt of RECIPE, and what its rewards say of its cases
	@$(BIN)/python -m rlvr_recipes.show "$(RECIPE)" $(ARGS)

train: .venv/installed ## train RECIPE (arithmetic) with ARGS
	@$(BIN)/python -m rlvr_recipes.train "$(RECIPE)" $(ARGS)

resume: .venv/installed ## go on with the run folder RUN
	@test -n "$(RUN)" || { echo "error: which run? make resume RUN=runs/..." >&2; exit 2; }
	@$(BIN)/python -m rlvr_recipes.train --resume "$(RUN)"

report: .venv/installed ## one HTML file about the run folder RUN; others to compare it with in ARGS
	@test -n "$(RUN)" || { echo "error: which run? make report RUN=runs/..." >&2; exit 2; }
	@$(BIN)/python -m rlvr_recipes.report "$(RUN)" $(ARGS)

eval: .venv/installed ## score RECIPE, or a run folder, with ARGS
	@$(BIN)/python -m rlvr_recipes.eval "$(RECIPE)" $(ARGS)

test: .venv/installed-dev ## the tests that fit in a few minutes
	$(BIN)/python -m pytest $(WORKERS) -m 'not slow and not gpu'

test-slow: .venv/installed-dev ## the long ones: whole training runs
	$(BIN)/python -m pytest $(WORKERS) -m 'slow and not gpu and not alone'
	$(BIN)/python -m pytest -m 'slow and alone'

ifeq ($(origin RECIPE),file)
check: .venv/installed-dev ## style, types, doctests; with RECIPE=..., whether that recipe can be trained, with ARGS
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright
	$(BIN)/python -m pytest -q --doctest-modules rewards rlvr_recipes recipes
else
check: .venv/installed
	@$(BIN)/python -m rlvr_recipes.check "$(RECIPE)" $(ARGS)
endif

test-gpu: .venv/installed-dev ## the tests that need a CUDA device
	$(BIN)/python -m pytest -m gpu

clean:               ## remove .venv; runs are kept
	rm -rf .venv
