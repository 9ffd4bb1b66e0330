"""LARS: momentum SGD with a step in each layer that is proportional to the norm of its weights."""

from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from tfp_noise import _validation

__all__ = ["LARS"]


@keras.saving.register_keras_serializable(package="tfp_noise")
class LARS(keras.optimizers.Optimizer):
    """Layer-wise adaptive rate scaling, for large batches with which plain SGD diverges.

    For each variable `w` with gradient `g`, where `||.||` is the 2-norm over all elements of the variable:

        local = trust_coefficient * ||w|| / (||g|| + weight_decay * ||w||)
        v     = momentum * v + learning_rate * local * (g + weight_decay * w)
        w     = w - v

    Without weight decay, the first step has the length `learning_rate * trust_coefficient * ||w||`, whatever the scale
    of `g`. With the default trust coefficient, useful learning rates are therefore far above those of SGD, and need a
    warm-up.

    The paper leaves two cases open, which are handled in the usual way. If `||w||` or `||g||` is 0, `local` is 1, so
    that weights that start at zero can move. Variables of rank 0 and 1, which are biases and parameters of
    normalisation layers, take plain momentum steps without adaptation or decay.

    Args:
        learning_rate: float >= 0, a `keras.optimizers.schedules.LearningRateSchedule`, or a callable without arguments
            that returns the rate.
        momentum: float in [0, 1).
        trust_coefficient: float > 0, the paper's eta.
        weight_decay: float >= 0, the paper's beta: an L2 penalty inside the trust ratio, not Keras's decoupled decay.
            Variables named in `exclude_from_weight_decay` have no decay, but are adapted. As with every Keras
            optimizer, such an exclusion is not saved.
        adapt_vectors: bool; True treats variables of rank 0 and 1 like all others, which is the paper's algorithm.
        **kwargs: as in `keras.optimizers.Optimizer`: `clipnorm`, `gradient_accumulation_steps`, `name`, ...

    Raises:
        TypeError: if an argument is not a number.
        ValueError: if a number is out of range, or an argument is unknown to Keras's optimizers.

    Example:
        >>> optimizer = LARS(learning_rate=1.0, trust_coefficient=0.1)
        >>> kernel = keras.Variable([[3.0, 4.0]])
        >>> optimizer.apply([ops.array([[0.0, 2.0]])], [kernel])  # a tenth of the kernel's norm, 5
        >>> kernel.numpy().tolist()
        [[3.0, 3.5]]

    References:
        You, Gitman, Ginsburg, "Large batch training of convolutional networks", 2017, Algorithm 1;
        Grill et al., "Bootstrap your own latent", 2020, for the exclusion of biases and batch normalisation.
    """

    def __init__(
        self,
        learning_rate: float | keras.optimizers.schedules.LearningRateSchedule | Callable[[], Any] = 0.1,
        momentum: float = 0.9,
        trust_coefficient: float = 0.001,
        weight_decay: float = 0.0,
        *,
        adapt_vectors: bool = False,
        **kwargs: Any,
    ):
        if isinstance(learning_rate, type) or not callable(learning_rate):
            learning_rate = _validation.check_number("learning_rate", learning_rate, 0)
        weight_decay = _validation.check_number("weight_decay", weight_decay, 0)
        super().__init__(learning_rate=learning_rate, weight_decay=weight_decay, **kwargs)
        self.momentum = _validation.check_number("momentum", momentum, 0, below=1)
        self.trust_coefficient = _validation.check_number("trust_coefficient", trust_coefficient, above=0)
        self.adapt_vectors = _validation.check_bool("adapt_vectors", adapt_vectors)

    def build(self, variables):
        if self.built:
            return
        super().build(variables)
        self.velocities = self.add_optimizer_variables(variables, "velocity")

    def update_step(self, gradient, variable, learning_rate):
        # In float16, the sum of squares overflows if a norm is above 256.
        dtype = keras.backend.result_type(variable.dtype, "float32")
        gradient, weights, learning_rate = (ops.cast(value, dtype) for value in (gradient, variable, learning_rate))
        if self.adapt_vectors or len(variable.shape) > 1:
            weight_decay = self.weight_decay if self._use_weight_decay(variable) else 0.0
            learning_rate = learning_rate * self._local_rate(weights, gradient, weight_decay)
            gradient = weight_decay * weights + gradient
        velocity = self.velocities[self._get_variable_index(variable)]
        step = self.momentum * ops.cast(velocity, dtype) + learning_rate * gradient
        self.assign(velocity, step)
        self.assign_sub(variable, step)

    def _local_rate(self, weights, gradient, weight_decay):
        weight_norm, gradient_norm = ops.norm(ops.ravel(weights)), ops.norm(ops.ravel(gradient))
        rate = ops.divide_no_nan(self.trust_coefficient * weight_norm, gradient_norm + weight_decay * weight_norm)
        return ops.where(ops.logical_and(weight_norm > 0, gradient_norm > 0), rate, 1.0)

    def _apply_weight_decay(self, variables):
        """Does nothing, because `update_step` includes the decay and Keras would apply it a second time."""

    def get_config(self):
        return {
            **super().get_config(),
            "momentum": self.momentum,
            "trust_coefficient": self.trust_coefficient,
            "adapt_vectors": self.adapt_vectors,
        }
