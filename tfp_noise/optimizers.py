"""LARS: momentum SGD whose step in each layer is proportional to the layer's weights."""

import keras
from keras import ops

from tfp_noise import _validation

__all__ = ["LARS"]


@keras.saving.register_keras_serializable(package="tfp_noise")
class LARS(keras.optimizers.Optimizer):
    """Layer-wise adaptive rate scaling, for the large batches at which plain SGD diverges.

    For each variable `w` with gradient `g`, `||.||` the 2-norm over all its elements:

        local = trust_coefficient * ||w|| / (||g|| + weight_decay * ||w||)
        v     = momentum * v + learning_rate * local * (g + weight_decay * w)
        w     = w - v

    Without weight decay the first step is `learning_rate * trust_coefficient * ||w||` long whatever the scale of `g`;
    with the default trust coefficient, useful learning rates are therefore far above SGD's, and follow a warm-up.

    Two things the paper leaves to the implementation, done here as is usual: `local` is 1 where `||w||` or `||g||` is
    0, so that what starts at zero can move; and variables of rank 0 and 1, which are biases and the parameters of
    normalisation layers, take plain momentum steps, with neither adaptation nor decay.

    Args:
        learning_rate: float >= 0, a `keras.optimizers.schedules.LearningRateSchedule` or a callable without arguments.
        momentum: float in [0, 1).
        trust_coefficient: float > 0, the paper's eta.
        weight_decay: float >= 0, the paper's beta: an L2 penalty inside the trust ratio, not Keras's decoupled decay.
            What `exclude_from_weight_decay` names has none, but is adapted; as with every Keras optimizer such an
            exclusion is not saved.
        adapt_vectors: bool; True treats variables of rank 0 and 1 as the others, which is the paper's algorithm.
        **kwargs: as in `keras.optimizers.Optimizer`: `clipnorm`, `gradient_accumulation_steps`, `name`, ...

    Raises:
        TypeError: an argument that is not a number.
        ValueError: a number out of range, or an argument that Keras's optimizers do not have.

    Example:
        >>> optimizer = LARS(learning_rate=1.0, trust_coefficient=0.1)
        >>> kernel = keras.Variable([[3.0, 4.0]])
        >>> optimizer.apply([ops.array([[0.0, 2.0]])], [kernel])  # a tenth of the kernel's norm, 5
        >>> kernel.numpy().tolist()
        [[3.0, 3.5]]

    References:
        You, Gitman, Ginsburg, "Large batch training of convolutional networks", 2017, Algorithm 1;
        Grill et al., "Bootstrap your own latent", 2020, on leaving biases and batch normalisation out.
    """

    def __init__(
        self,
        learning_rate=0.1,
        momentum=0.9,
        trust_coefficient=0.001,
        weight_decay=0.0,
        *,
        adapt_vectors=False,
        **kwargs,
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
        # In float16 the sum of squares overflows as soon as a norm passes 256.
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
        """Nothing: `update_step` has the decay, and Keras's own would come on top of it."""

    def get_config(self):
        return {
            **super().get_config(),
            "momentum": self.momentum,
            "trust_coefficient": self.trust_coefficient,
            "adapt_vectors": self.adapt_vectors,
        }
