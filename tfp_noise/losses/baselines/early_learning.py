"""Early-learning regularisation: predictions are held to what they were before wrong labels were memorised."""

from typing import Any, ClassVar

from keras import ops

from tfp_noise.losses._entropies import cross_entropy, cross_entropy_of_classes
from tfp_noise.losses._gradients import with_gradient
from tfp_noise.losses.base import register
from tfp_noise.losses.example_memory import LossWithMemory

_LOWEST = 1e-4  # of the probabilities that are remembered and compared


@register
class EarlyLearning(LossWithMemory):
    """Cross-entropy and a term that holds each prediction to a running mean of the predictions for the same example.

    For the example i with the label y, and `p = softmax(y_pred)`:

        -sum_k y_k log p_k + weight log(1 - <c, t_i>),    t_i <- beta t_i + (1 - beta) c / sum_k c_k

    where `c` is p clipped to [1e-4, 1 - 1e-4]. The targets `t_i` start at 0, change in each training step before the
    loss is computed, and have no gradient. Networks learn right labels first. The targets keep what was learned then:
    the second term is smallest where the prediction agrees with its target, and its gradient makes up for that of a
    wrong label. With `weight=0` the loss is cross-entropy. Its value may be negative.

    The targets, and the class of each label, belong to the classifier that trains with the loss, which saves them, and
    take `num_examples (4 num_classes + 8)` bytes. `fit(x, y)` with arrays takes positions as ids of the examples;
    batches must be `(x, {"labels": y, "ids": i})`. An id that comes with another label than before has the loss NaN,
    which ends the training. An example of `ignore_class` or with a `sample_weight` of 0 leaves its target as it is. Of
    an id that is twice in a batch the last example changes the target. Validation reports cross-entropy.

    Args:
        num_classes: int, K >= 2.
        num_examples: int in [1, 2^24], how many examples are trained on; ids lie in `[0, num_examples)`.
        beta: float in [0, 1), the fraction of a target that stays in a step.
        weight: float >= 0, of the second term.
        name: name of the loss.
        **kwargs: `reduction`, `dtype` and `ignore_class`, as in `NoisyLabelLoss`; targets are float32 under every
            `dtype`.

    Raises:
        TypeError: if an argument is of another type.
        ValueError: if a number is out of range, the targets take more than half of RAM, or the loss is passed to
            `keras.Model.compile` of a plain model.

    Example:
        >>> import keras
        >>> import numpy as np
        >>> from tfp_noise import NoisyLabelClassifier
        >>> loss = EarlyLearning(3, num_examples=4)
        >>> network = keras.Sequential([keras.Input([4]), keras.layers.Dense(3)])
        >>> model = NoisyLabelClassifier(network, loss)
        >>> model.compile("adam")
        >>> history = model.fit(np.eye(4), np.array([0, 1, 2, 2]), epochs=2, verbose=0)
        >>> loss.memory.shape, bool(np.allclose(loss.memory.sum(axis=1), 1 - 0.7**2))
        ((4, 3), True)

    References:
        Liu, Niles-Weed, Razavian, Fernandez-Granda, "Early-learning regularization prevents memorization of noisy
        labels", 2020: the loss and its targets (ELR), without the second network, weight averaging and mixup of ELR+.
        The clipping, and the order of both steps, are those of the authors' code, which takes (beta, weight) = (0.7, 3)
        for CIFAR-10 with symmetric noise, (0.9, 1) with asymmetric noise, and (0.9, 7) for CIFAR-100.
    """

    paper = "Liu et al., 2020"
    search_space: ClassVar = {"beta": (0.5, 0.7, 0.9, 0.99), "weight": (1.0, 3.0, 5.0, 7.0, 10.0)}  # for CIFAR

    def __init__(
        self,
        num_classes: int,
        num_examples: int,
        beta: float = 0.7,
        weight: float = 3.0,
        *,
        name: str = "early_learning",
        **kwargs: Any,
    ):
        super().__init__(num_classes, num_examples, name=name, **kwargs)
        self.beta = self._check_number("beta", beta, 0, below=1)
        self.weight = self._check_number("weight", weight, 0)

    def soft_label_loss(self, targets, y_pred, rows=None):
        return cross_entropy(targets, ops.log_softmax(y_pred, axis=-1)) + self._regularisation(y_pred, rows)

    def class_index_loss(self, labels, y_pred, rows=None):
        return cross_entropy_of_classes(labels, y_pred) + self._regularisation(y_pred, rows)

    def _regularisation(self, y_pred, rows):
        before = ops.zeros_like(y_pred) if rows is None else rows

        @with_gradient  # by hand, because that of clipping compares every probability twice
        def regularisation(y_pred):
            p, clipped = _probabilities(y_pred)
            target = ops.stop_gradient(before + self._change(clipped, before))
            agreement = ops.sum(clipped * target, axis=-1)

            def gradient(upstream):
                pull = ops.where(p == clipped, p * target, 0)
                by_logits = pull - p * ops.sum(pull, axis=-1, keepdims=True)
                return ops.expand_dims(-self.weight * upstream / (1 - agreement), -1) * by_logits

            return self.weight * ops.log1p(-agreement), gradient

        return regularisation(y_pred)

    def changes(self, targets, y_pred, rows):
        del targets
        return self._change(_probabilities(y_pred)[1], rows)

    def _change(self, clipped, rows):
        return (1 - self.beta) * (clipped / ops.sum(clipped, axis=-1, keepdims=True) - rows)

    def get_config(self):
        return {**super().get_config(), "beta": self.beta, "weight": self.weight}


def _probabilities(y_pred):
    """Probabilities, as they are and clipped."""
    p = ops.softmax(y_pred, axis=-1)
    return p, ops.clip(p, _LOWEST, 1 - _LOWEST)
