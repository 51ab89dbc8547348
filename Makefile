# What a developer runs here; CI calls only `make check` and `make test`.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV   := .venv
BIN    := $(VENV)/bin
DEMO   := demo
# what is imported is compiled at its first import, which is a fraction of what is installed
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile

# an environment that forbids bytecode would have each of some hundred processes compile every module again
export PYTHONDONTWRITEBYTECODE :=

.PHONY: demo test check fix cov bench docs chaos clean

# the packages that `shotladder` needs, without the tools of development
$(VENV)/runtime: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(INSTALL) --editable .
	touch $@

$(VENV)/ready: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(INSTALL) --editable '.[dev]'
	touch $(VENV)/runtime $@

demo: $(VENV)/runtime
	$(BIN)/python -m samples.demo $(DEMO)

test: $(VENV)/ready
	$(BIN)/python -m samples.compile_kernels
	$(BIN)/python -m pytest -n 3 --dist loadfile

check: $(VENV)/ready
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

fix: $(VENV)/ready
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

cov: $(VENV)/ready
	$(BIN)/python -m pytest --cov --cov-report=term-missing:skip-covered

bench: $(VENV)/ready
	$(BIN)/python -m benchmarks

docs: $(VENV)/ready
	$(INSTALL) --editable '.[docs]'
	$(BIN)/python -m sphinx -W --keep-going -q docs docs/_build

chaos: $(VENV)/ready
	$(BIN)/python -m benchmarks.chaos 200 1
	$(BIN)/python -m benchmarks.chaos 200 2

clean:
	rm -rf $(VENV) $(DEMO)
