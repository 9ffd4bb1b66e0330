"""Sentences of the errors about labels, shared by the checks of arrays, of datasets, and of batches inside a graph."""

NO_LABEL = "Leave out the examples without a label, or give the loss `ignore_class=-1`."
FROM_1 = "Do the labels start at 1, or is `num_classes` too small?"
NORMALISE = "Divide each row by its sum, or pass class indices."


def label_range(name, num_classes):
    return f"`{name}` must lie in [0, {num_classes})."


def label_shapes(name, num_classes):
    return f"`{name}` must be class indices [n] or [n, 1], or distributions [n, {num_classes}]."


def distributions(name):
    return f"`{name}` must be at least 0, with rows that sum to 1."
