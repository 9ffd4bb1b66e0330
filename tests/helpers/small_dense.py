"""Outputs with a label at each position, for tests."""


def with_mask(outputs, mask):
    """`outputs` with a mask of Keras, unless it is `None`."""
    if mask is not None:
        outputs._keras_mask = mask
    return outputs
