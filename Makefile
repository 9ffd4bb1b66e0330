# Everything runs in a virtual environment that this file makes: `make demo` and `make test` need Python and make only.
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
PAPERS = $(BIN)/python -m experiments.papers
READY = $(VENV)/.ready
ON_TWO_CORES = -n 2 --dist loadfile --no-loadscope-reorder

.PHONY: demo examples test thorough torture lint bench results verify_results docs backends versions clean

demo: $(READY)
	$(BIN)/python -m experiments.demo

# Each in full, as a page and a notebook in build/examples, with the time that it took.
examples: $(READY)
	$(BIN)/python -m examples

test: $(READY)
	$(BIN)/python -m pytest $(ON_TWO_CORES)

thorough: $(READY)
	$(BIN)/python -m pytest $(ON_TWO_CORES) -m 'thorough and not torture'

torture: $(READY)
	$(BIN)/python -m pytest -m torture

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest tests/test_docstrings.py -k first_lines

bench: $(READY)
	$(BIN)/python -m experiments.bench

# Every page and figure that is made of committed runs alone, made anew; nothing is trained, measured or downloaded. What
# needs models, data or a quiet machine is in docs/experiments.md: top_entries, footprint, bench, and of the papers'
# figures LN 3 and 6, LS 3 to 5, LLS 4, 6 and 8.
results: $(READY)
	$(BIN)/python -m experiments.report --workdir=results
	$(PAPERS).online_label_smoothing.findings --workdir=results
	$(PAPERS).learnable_label_smoothing.findings --workdir=results
	$(PAPERS).logistic_normal.figures --workdir=results --figures=1 --figures=2 --figures=4 --figures=5
	$(PAPERS).online_label_smoothing.figures --workdir=results
	$(PAPERS).learnable_label_smoothing.figures --workdir=results --figures=7 --figures=9 --label=laptop-digits
	$(PAPERS).label_smoothing.figures --workdir=results --figures=6
	for group in digits/symmetric20 digits/symmetric40 fashion_mnist/symmetric20 fashion_mnist_10k/symmetric20; do \
		$(PAPERS).label_smoothing.figures --workdir=results --figures=1 --figures=2 \
			--under=LS/alpha/laptop-$$group || exit 1; done
	for study in decision dense detection heteroscedastic multi_label reconstruction suspects; do \
		$(BIN)/python -m experiments.$$study.table || exit 1; done
	for set in cifar10n-aggregate cifar10n-worst digits fashion_mnist; do \
		$(BIN)/python -m experiments.compare --dataset=$$set --notrain || exit 1; done
	$(BIN)/python -m experiments.comparison.values
	$(BIN)/python -m experiments.overview --workdir=results
	$(BIN)/python -m experiments.readme

# Three random committed runs, made again; PICK=20261129 draws the same ones.
verify_results: $(READY)
	$(BIN)/python -m experiments.verify $(if $(PICK),--pick=$(PICK))

# The newest release of each package that setup.py bounds, tried one at a time: what breaks with it?
versions: $(READY)
	$(BIN)/python -m experiments.versions

# The documentation, build/site/html/index.html, with every warning as an error and its links checked.
docs: $(READY)
	$(BIN)/python -m docs.site

# JAX and PyTorch for CPUs in an environment of their own: 1.2 GB more than the other one.
backends: $(VENV)-backends/.ready
	KERAS_BACKEND=jax $(VENV)-backends/bin/python -m pytest tests/backends
	KERAS_BACKEND=torch $(VENV)-backends/bin/python -m pytest tests/backends

# PyTorch comes first and alone, because PyPI has no wheels of it without CUDA.
$(VENV)-backends/.ready: setup.py constraints.txt
	$(PYTHON) -m venv $(VENV)-backends
	$(VENV)-backends/bin/python -m pip install --quiet --constraint constraints.txt --no-deps torch \
		--find-links https://download.pytorch.org/whl/cpu/torch/
	$(VENV)-backends/bin/python -m pip install --quiet --constraint constraints.txt --editable '.[dev,jax,torch]'
	touch $@

$(READY): setup.py constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@

clean:
	rm -rf $(VENV) $(VENV)-backends runs build dist *.egg-info
