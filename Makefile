# Two commands do everything: `make demo` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/installed

.PHONY: demo test quick lint docs format snapshots pictures weights clean

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

# Runs every command that the pages show; fails where one ends otherwise, or a link leads nowhere.
docs: $(INSTALLED)
	$(BIN)/mkdocs build --strict

format: $(INSTALLED)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

snapshots: $(INSTALLED)
	$(BIN)/pytest -n auto tests/tui --snapshot-update

SHOT = cd sample_models && ../$(BIN)/nninspect screenshot
LENET = lenet.py --weights lenet.params

# Those in the README.
pictures: $(INSTALLED)
	$(SHOT) $(LENET) -o ../docs/lenet.svg --size 120x28 --press down
	$(SHOT) $(LENET) -o ../docs/field.svg --size 120x30 --press down,down,down,down,7,tab,shift+right,shift+up
	$(SHOT) broken/linear_does_not_fit.py -o ../docs/check.svg --size 120x40 --press C,tab
	$(SHOT) torchvision.models:resnet18 -o ../docs/gradients.svg --size 110x46 --press b,enter,tab,z,enter
	$(SHOT) $(LENET) -o ../docs/export.svg --size 120x30 --press D,l,e,n,e,t,full_stop,o,n,n,x,enter,down,down

weights: $(INSTALLED)
	$(BIN)/python sample_models/make_weights.py

$(INSTALLED): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --constraint constraints.txt --editable ".[dev]"
	touch $(INSTALLED)

clean:
	rm -rf $(VENV) build dist site .cache *.egg-info
