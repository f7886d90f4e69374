# Two commands do everything: `make demo` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/installed

.PHONY: demo test quick lint format snapshots pictures weights clean

demo: $(INSTALLED)
	$(BIN)/nninspect sample_models/lenet.py --weights sample_models/lenet.params

test: $(INSTALLED)
	$(BIN)/pytest -n auto --dist loadgroup

# The tests that start no worker, run no large model and do not walk through dialogs: under a minute.
quick: $(INSTALLED)
	$(BIN)/pytest -n auto --dist loadgroup -m "not slow" -q

lint: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(INSTALLED)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

snapshots: $(INSTALLED)
	$(BIN)/pytest -n auto tests/tui --snapshot-update

pictures: $(INSTALLED)
	$(BIN)/nninspect screenshot sample_models/lenet.py --weights sample_models/lenet.params \
		--size 130x34 --press down -o docs/lenet.svg

weights: $(INSTALLED)
	$(BIN)/python sample_models/make_weights.py

$(INSTALLED): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --constraint constraints.txt --editable ".[dev]"
	touch $(INSTALLED)

clean:
	rm -rf $(VENV) build dist *.egg-info
