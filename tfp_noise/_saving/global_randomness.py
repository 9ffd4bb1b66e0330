"""States of the generators of Python and NumPy, which `keras.utils.set_random_seed` seeds, as `pack` takes them.

Keras shuffles the batches of a `PyDataset` by that of Python, and programs draw from both.
"""

import random

import numpy as np


def get_state():
    """A dict of numbers, text and arrays."""
    version, words, gauss = random.getstate()
    return {
        "python": {"version": version, "words": np.array(words, np.uint32), "gauss": gauss},
        "numpy": np.random.get_state(legacy=False),  # noqa: NPY002 (the global generator)
    }


def set_state(state):
    """Takes what `get_state` gave."""
    python = state["python"]
    random.setstate((python["version"], tuple(python["words"].tolist()), python["gauss"]))
    np.random.set_state(state["numpy"])  # noqa: NPY002
