"""The papers' experiments, run from the checkout: `python -m experiments.run --help`."""

import os

# Before TensorFlow is imported: its C++ side otherwise reports a missing GPU as an error. Errors reach Python anyway.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
