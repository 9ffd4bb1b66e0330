"""Bootstrapping: labels mixed with the network's own predictions (Reed et al. 2015)."""

from typing import Any

from keras import ops

from tfp_noise import _validation
from tfp_noise.losses._entropies import cross_entropy, entropy
from tfp_noise.losses.base import NoisyLabelLoss, register
from tfp_noise.losses.cross_entropy import cross_entropy_like


@register
class Bootstrap(NoisyLabelLoss):
    """Cross-entropy to a mixture of the given label and the prediction; `beta=1` is cross-entropy.

    With `p = softmax(y_pred)`, `-sum_k (beta y_k + (1 - beta) t_k) log p_k`, where the prediction `t` is

        soft: p itself, differentiated too:  beta * cross-entropy + (1 - beta) * entropy of p
        hard: the most probable class:       beta * cross-entropy - (1 - beta) * max_k log p_k

    A label that the network contradicts has less effect, and a confident prediction, right or wrong, is reinforced.
    `y` may be a distribution over classes.

    Validation reports plain cross-entropy, because the targets of training move with the prediction.

    Args:
        num_classes: int, K >= 2.
        beta: float in (0, 1], the weight of the given label; 0.95 for soft and 0.8 for hard in the paper.
        hard: bool; True takes the predicted class in place of the predicted probabilities.
        name: name of the loss.
        **kwargs: `reduction`, `dtype` and `ignore_class`, as in `NoisyLabelLoss`.

    Raises:
        TypeError: if `hard` is not a bool.
        ValueError: if `beta` is outside (0, 1].

    Example:
        >>> import numpy as np
        >>> labels, outputs = np.array([1]), np.log([[0.8, 0.2]])  # the network contradicts the label
        >>> [round(float(Bootstrap(2, 0.8, hard)(labels, outputs)), 4) for hard in (False, True)]
        [1.3876, 1.3322]

    References:
        Reed, Lee, Anguelov, Szegedy, Erhan, Rabinovich, "Training deep neural networks on noisy labels with
        bootstrapping", 2015. The gradient of the soft target is not stopped: the paper reads its loss as softmax
        regression with minimum entropy regularisation, which holds only then, and the baseline in Zhang et al.,
        "Delving deep into label smoothing", 2021, does not stop it either. Departure from that baseline: p
        comes from log_softmax and is not clipped to [1e-7, 1 - 1e-7].
    """

    paper = "Reed et al., 2015"

    def __init__(self, num_classes: int, beta: float, hard: bool = False, *, name: str = "bootstrap", **kwargs: Any):
        super().__init__(num_classes, name=name, **kwargs)
        self.beta = self._check_number("beta", beta, maximum=1, above=0)
        self.hard = _validation.check_bool("hard", hard)

    def soft_label_loss(self, targets, y_pred):
        log_p = ops.log_softmax(y_pred, axis=-1)
        to_label = cross_entropy(targets, log_p)
        to_itself = -ops.max(log_p, axis=-1) if self.hard else entropy(log_p)
        return self.beta * to_label + (1 - self.beta) * to_itself

    def loss_in_validation(self):
        return cross_entropy_like(self)

    def get_config(self):
        return {**super().get_config(), "beta": self.beta, "hard": self.hard}
