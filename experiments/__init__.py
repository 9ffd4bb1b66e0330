"""The papers' experiments, run from the checkout: `python -m experiments.run --help`."""
