# `make demo` and `make test` work on a fresh machine with Python 3.11 and make: each installs what it needs first.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: install demo test lint bench sanitize zoo clean

install: $(STAMP)

# One stamp file: nothing is installed again until the lock, the project's metadata or the C sources change.
$(STAMP): requirements.lock pyproject.toml setup.py $(wildcard liquid_pilot/nn/scan/src/*)
	@command -v $(PYTHON) >/dev/null || { echo "make: $(PYTHON) not found: liquid-pilot needs Python 3.11 (or say: make PYTHON=/path/to/python3.11)"; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	# An editable install leaves data files out; this one registers our environments with Gymnasium.
	cp liquid-pilot.pth "$$($(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')"
	touch $(STAMP)

demo: install
	$(BIN)/liquid-pilot demo

test: install
	$(BIN)/python -m pytest -n 2

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: install
	$(BIN)/python -m benchmarks

# The fused scan's tests once, under AddressSanitizer and UBSan.
sanitize: install
	$(BIN)/python tests/nn/sanitized.py

# Trains the shipped policy again from nothing (the recipe, its data and its seeds are in launch/zoo.py).
zoo: install
	$(BIN)/python -m launch.zoo

clean:
	rm -rf build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
