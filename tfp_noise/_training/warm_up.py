"""Warning of trainings that end before a method has corrected any label."""

import warnings

from keras import ops

from tfp_noise import _validation
from tfp_noise.losses._state import StateAfterWarmUp


def warn_unless_begun(model, num_epochs=0):
    """Warns, once for a model, if the warm-up of its method lasts for all epochs so far and `num_epochs` further ones.

    Args:
        model: the classifier.
        num_epochs: int, epochs that this call of `fit` still has.
    """
    for state in model.layers:
        if not isinstance(state, StateAfterWarmUp) or state.has_warned:
            continue
        argument, length = state.warm_up
        total = int(ops.convert_to_numpy(state.epochs)) + num_epochs
        if not 0 < total <= length:
            continue
        state.has_warned = True
        cure = f"Lower `{argument}`, train" if total > 1 else "Train"
        warnings.warn(
            f"`{argument}` should be less than the number of epochs. Received: {length}, and a training of "
            f"{_validation.counted(total, 'epoch')} at the end of this `fit`, in which no label is corrected. {cure} "
            f"for at least {length + 1} epochs, or call `fit` again: its epochs add up.",
            stacklevel=3,
        )
