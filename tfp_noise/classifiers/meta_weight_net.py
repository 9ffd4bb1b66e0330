"""Meta-Weight-Net: a small network from an example's loss to its weight, trained by the loss of a small clean set."""

from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from tfp_noise import _validation
from tfp_noise._training import virtual_steps
from tfp_noise._training.example_losses import example_losses
from tfp_noise._training.model_checks import check_labels_given
from tfp_noise.classifiers._clean_set import CleanSetClassifier
from tfp_noise.losses import NoisyLabelLoss
from tfp_noise.losses._state import gather

_HIDDEN = 100  # units, as in the paper


@keras.saving.register_keras_serializable(package="tfp_noise")
class MetaWeightNet(CleanSetClassifier):
    """A classifier that weighs each example by a learned function of its loss.

    With the losses `l_i(theta)` of a batch at the network's weights `theta`, the weight network
    `V(l) = sigmoid(b + sum_j v_j relu(a_j l + c_j))` with 100 hidden units and variables `Theta`, the loss `C` of a
    batch of the clean set, and the optimizer's learning rate r, a step is:

        w_i    = V(l_i) / sum_j V(l_j)
        theta' = theta - r sum_i w_i grad l_i(theta)                 a virtual step
        Theta <- Adam step along  -r sum_i u_i grad_Theta w_i,       u_i = grad l_i(theta) . grad C(theta')
        L      = sum_i w_i l_i(theta)                                with the new Theta, for the optimizer

    The direction of `Theta` is the gradient of `C(theta')`, which depends on `Theta` through the virtual step. The
    inner products `u_i` are exact, by one more pass backward, without second derivatives of a loss. `V` sees `l_i` as a
    number.

    The virtual step is one of gradient descent, whatever the optimizer is, as in the paper, which trains by gradient
    descent with momentum. The weight network is saved with the model, with its optimizer. A step costs about three
    steps of a plain classifier if clean batches are as large as the others. Where the optimizer accumulates gradients
    over several batches, the weight network takes a step for each of them. All of `LearningToReweight` about batch
    normalisation, random layers, positions, `sample_weight`, replicas and mixed precision holds here; `V` sees losses
    without `sample_weight`.

    Args:
        network: as in `NoisyLabelClassifier`.
        loss: as in `LearningToReweight`.
        clean: as in `LearningToReweight`.
        clean_batch_size: as in `LearningToReweight`.
        learning_rate: float >= 0, of the weight network's Adam; 0 leaves the weight network as it is. The default is
            that of the authors' code. With it, one of three trainings on digits with 40 % wrong labels came to prefer
            large losses, which `weight_of` shows; a lower one is the cure.
        seed: int, as in `LearningToReweight`, and of the weight network's initial variables.
        name: name of the model.
        **kwargs: other arguments of `NoisyLabelClassifier`.

    Raises:
        TypeError: if `clean` is not a pair of arrays, or an argument is of a wrong type.
        ValueError: if `clean` does not fit the network and the loss, a number is out of range, or the loss is not the
            mean of one number for each example.
        RuntimeError: on another backend of Keras than TensorFlow.

    Example:
        >>> import numpy as np
        >>> from tfp_noise import losses
        >>> network = keras.Sequential([keras.Input([3]), keras.layers.Dense(3)])
        >>> model = MetaWeightNet(network, losses.CrossEntropy(3), clean=(np.eye(3), np.arange(3)))
        >>> model.compile("sgd", metrics=["accuracy"], jit_compile=False)
        >>> history = model.fit(np.eye(3), np.array([0, 1, 1]), verbose=0)
        >>> model.weight_of([0.1, 5.0]).shape
        (2,)

    References:
        Shu, Xie, Yi, Zhao, Zhou, Xu, Meng, "Meta-Weight-Net: learning an explicit mapping for sample weighting", 2019,
        Algorithm 1, equations 3 to 5. Weights are divided by their sum over the batch, as in one of the two versions of
        their code; without that, they grow for all losses alike as long as any step reduces C. That version trains the
        weight network by gradient descent with 1e-3, momentum and weight decay; the other one, which divides by the
        number of examples, by Adam with 1e-3 and a weight decay of 1e-4. Departure: Adam without weight decay.
    """

    def __init__(
        self,
        network: keras.layers.Layer,
        loss: NoisyLabelLoss,
        clean: tuple[Any, Any],
        clean_batch_size: int = 100,
        learning_rate: float = 1e-3,
        seed: int = 0,
        *,
        name: str = "meta_weight_net",
        **kwargs: Any,
    ):
        self.learning_rate = _validation.check_number("learning_rate", learning_rate, 0)
        # Before `super()`, which may call `build`: Keras adds no layers to a model that has been built.
        self.weight_network = WeightNetwork(_validation.check_seed(seed))
        self.weight_optimizer = keras.optimizers.Adam(self.learning_rate, epsilon=1e-8)  # Keras saves it, too
        self.weight_optimizer.build(self.weight_network.variables)
        super().__init__(network, loss, clean, clean_batch_size, seed, name=name, **kwargs)

    def weight_of(self, loss: Any) -> np.ndarray:
        """Weights that the weight network gives to examples with these losses.

        Args:
            loss: float `[...]`, in nats.

        Returns:
            Float32 `[...]`, in (0, 1).

        Raises:
            TypeError: if `loss` does not hold numbers.
        """
        return ops.convert_to_numpy(self.weight_network(_validation.as_numbers("loss", loss).astype("float32")))

    def data_loss(self, x, y, y_pred, sample_weight, training):
        if not training:
            return super().data_loss(x, y, y_pred, sample_weight, training)
        check_labels_given(y)
        losses, factors, counts = example_losses(self.loss, y, y_pred, sample_weight)
        seen, counts = ops.stop_gradient(losses), ops.cast(counts, losses.dtype)
        self._train_weight_network(seen, counts, virtual_steps.losses_at(self, x, y, sample_weight))
        weights = ops.stop_gradient(counts * self.weight_network(seen))
        return ops.divide_no_nan(ops.sum(weights * factors * losses), _total(weights))

    def _train_weight_network(self, seen, counts, losses_at):
        """A step of the weight network.

        Args:
            seen: the losses `l_i`, without a gradient.
            counts: float of their shape, 1 for those that count and 0 for others.
            losses_at: a function as `virtual_steps.losses_at` returns.
        """
        rate = self.optimizer.learning_rate
        there = virtual_steps.present_weights(self)
        weights = ops.stop_gradient(counts * self.weight_network(seen))
        total = _total(weights)
        weights = ops.divide_no_nan(weights, total)
        ascent = virtual_steps.gradient(lambda values: ops.sum(weights * losses_at(values)[0]), there)
        moved = [
            value - ops.cast(rate, value.dtype) * slope for value, slope in zip(there, _summed(ascent), strict=True)
        ]
        direction = virtual_steps.clean_gradient(self, moved)
        slopes = virtual_steps.slopes(lambda values: losses_at(values)[0], there, direction)
        # As `w_i = V_i / sum_j V_j`, `sum_i u_i grad w_i = sum_i (u_i - sum_j w_j u_j) grad V_i / sum_j V_j`, in which
        # each replica has its own terms of the first sum.
        slopes = ops.divide_no_nan(counts * (slopes - _total(weights * slopes)), total)
        variables = [variable.value for variable in self.weight_network.variables]
        with tf.GradientTape() as tape:
            tape.watch(variables)  # a tape watches trainable variables only
            objective = -ops.cast(rate, seen.dtype) * ops.sum(slopes * self.weight_network(seen))
        self.weight_optimizer.apply(tape.gradient(objective, variables), self.weight_network.variables)

    def get_config(self):
        return {**super().get_config(), "learning_rate": self.learning_rate}


class WeightNetwork(keras.layers.Layer):
    """Layer from losses to weights in (0, 1), with variables that another optimizer than the classifier's trains.

    Variables are uniform in +-1 / sqrt(number of inputs) at first, biases too, so that hidden units have their kinks at
    different losses.

    Args:
        seed: int, of the initial variables.
    """

    def __init__(self, seed):
        super().__init__(name="weight_network", dtype="float32", autocast=False)
        rng = np.random.default_rng(seed)
        shapes = {"kernel": [_HIDDEN], "bias": [_HIDDEN], "out": [_HIDDEN, 1], "shift": [1]}
        inputs = {"kernel": 1, "bias": 1, "out": _HIDDEN, "shift": _HIDDEN}
        starts = {name: rng.uniform(-1, 1, shape) / np.sqrt(inputs[name]) for name, shape in shapes.items()}
        self._parts = [self._start(name, value.astype("float32")) for name, value in starts.items()]
        self.built = True

    def _start(self, name, value):
        # Not trainable for the classifier's optimizer.
        initializer = lambda *_, **__: ops.convert_to_tensor(value)  # noqa: E731
        return self.add_weight(value.shape, initializer, trainable=False, name=name)

    def call(self, losses):
        kernel, bias, out, shift = map(ops.convert_to_tensor, self._parts)
        hidden = ops.relu(ops.expand_dims(ops.cast(losses, "float32"), -1) * kernel + bias)
        return ops.cast(ops.sigmoid(ops.squeeze(ops.matmul(hidden, out), -1) + shift), losses.dtype)


def _total(values):
    """The sum of values over the whole batch, on all replicas."""
    (everyone,) = gather(ops.reshape(values, [-1]))
    return ops.sum(everyone)


def _summed(gradients):
    """Gradients summed over all replicas."""
    context = tf.distribute.get_replica_context()
    if context is None or context.num_replicas_in_sync == 1:
        return gradients
    return context.all_reduce(tf.distribute.ReduceOp.SUM, gradients)
