# `make demo`: install and evolve a front on the digits. `make test`: everything CI checks.
PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check -q

.PHONY: demo test clean

demo: .venv/.installed
	@if [ -e runs/demo/journal.jsonl ]; then $(BIN)/lemonade resume runs/demo; \
	else $(BIN)/lemonade search --dataset digits --time 60s --seed 1 --out runs/demo; fi

test: .venv/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	OMP_NUM_THREADS=1 $(BIN)/pytest -n auto --maxprocesses 4 --dist loadfile

.venv/bin/python:
	$(PYTHON) -m venv .venv

.venv/.installed: pyproject.toml | .venv/bin/python
	@echo "installing lemonade and what it needs into .venv (PyTorch is large: a few minutes the first time)"
	$(PIP) install -e .
	@touch $@

.venv/.installed-dev: pyproject.toml | .venv/bin/python
	@echo "installing lemonade with its development tools into .venv (PyTorch is large: a few minutes the first time)"
	$(PIP) install -e '.[dev]'
	@touch .venv/.installed $@

clean:
	rm -rf .venv build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis
