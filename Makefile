# Everything runs in a virtual environment that this file makes: `make demo` and `make test` need Python and make only.
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
READY = $(VENV)/.ready

.PHONY: demo test torture lint bench backends clean

demo: $(READY)
	$(BIN)/python -m experiments.demo

test: $(READY)
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

torture: $(READY)
	$(BIN)/python -m pytest -m torture

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest tests/test_docstrings.py -k first_lines

bench: $(READY)
	$(BIN)/python -m experiments.bench

# Each backend in an environment of its own, on CPUs. Wheels of PyTorch for CPUs have a version that ends in +cpu.
backends: $(VENV)-jax/.ready $(VENV)-torch/.ready
	KERAS_BACKEND=jax $(VENV)-jax/bin/python -m pytest tests/backends
	KERAS_BACKEND=torch $(VENV)-torch/bin/python -m pytest tests/backends

$(VENV)-jax/.ready $(VENV)-torch/.ready: $(VENV)-%/.ready: setup.py constraints.txt
	$(PYTHON) -m venv $(VENV)-$*
	$(VENV)-$*/bin/python -m pip install --quiet --constraint constraints.txt --editable '.[dev,$*]' \
		--extra-index-url https://download.pytorch.org/whl/cpu
	touch $@

$(READY): setup.py constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@

clean:
	rm -rf $(VENV) $(VENV)-jax $(VENV)-torch runs build dist *.egg-info
