"""Learnable label smoothing: labels are mixed with distributions that are trained with the network."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops
from numpy.typing import ArrayLike

from tfp_noise import _labels, _validation
from tfp_noise._class_rows import TopRows
from tfp_noise.losses.base import register
from tfp_noise.losses.learned_targets._divergence_terms import TERMS, half_sum_of_terms, mean_divergence
from tfp_noise.losses.learned_targets._target_logits import DenseTargetLogits, TopTargetLogits
from tfp_noise.losses.learned_targets.base import LearnedTargets

_INSIDE_LOG = 1e-6  # added inside the logarithms of the variant "label_smoothing++"


@register
class LearnableLabelSmoothing(LearnedTargets):
    """Symmetric Kullback-Leibler divergence between the prediction and a target that is trained with the network.

        (KL(t || p) + KL(p || t)) / 2,    t = (1 - alpha) y + alpha y Q,    p = softmax(y_pred)
        = (H(t, p) + H(p, t) - H(p) - H(t)) / 2

    The rows of `Q` are softmaxes of logits that start at 0 and that the optimizer trains with the network; no gradient
    is stopped. Row `i` learns which classes the examples of label `i` resemble; training lowers its entry for label
    `i`, because the target contains the label anyway.

    The loss trains in a `NoisyLabelClassifier` of its own, which holds, mirrors and saves `Q`; validation reports plain
    cross-entropy. A soft label, such as one of mixup, is mixed with `y Q`, and trains each row in proportion to its
    weight.

    With `top=N` each row has logits for N entries and one logit that all other classes share; no `[K, K]` array exists
    at any time. At the end of each epoch of `fit`, the N entries become those of the classes with the largest mean
    predictions, to which a soft label counts for its largest class; a new entry starts at the shared logit. In a
    training loop without `fit`, compute the loss with `classifier.compute_loss(x, y, classifier(x, training=True))` and
    call `classifier.loss_state.end_epoch()` after each epoch. The loss of soft labels takes about N times as long as
    cross-entropy.

    Args:
        num_classes: int, K >= 2.
        alpha: float in [0, 1], the weight of `Q`; 1 warns, because the label then only chooses a row. At 0 the reverse
            cross-entropy to a hard label is 69 nats times the probability of the other classes.
        top: int in [1, K - 1], the number N of entries in each row; `None` for whole rows.
        terms: names of the terms whose sum is halved, from "forward_cross_entropy" `H(t, p)`, "reverse_cross_entropy"
            `H(p, t)`, "prediction_entropy" `-H(p)` and "target_entropy" `-H(t)`.
        variant: "paper", or "label_smoothing++", the loss of the authors' later code: the diagonal of `Q` is 0, and of
            `(H(p, t) + H(t, p)) / 2`, with 1e-6 inside the logarithms, the first term trains `Q` alone and the second
            the network alone.
        initial_logits: float `[K, K]`, the initial logits; `None` for zeros.
        weight_decay: bool; False exempts `Q` from the optimizer's weight decay, which makes its rows sharper.
        learning_rate: float > 0, the learning rate of `Q`; `None` for that of the network. With a number, a
            `keras.optimizers.MultiOptimizer` trains `Q` with a copy of the optimizer, which starts at this rate
            whatever schedule the network follows. `ReduceLROnPlateau` and `LearningRateScheduler` then set both rates,
            and `optimizer.learning_rate` does not exist. A `MultiOptimizer` given to `compile` is left as it is:
            neither this argument nor `weight_decay` changes it.
        name: name of the loss.
        **kwargs: `reduction`, `dtype` and `ignore_class`, as in `NoisyLabelLoss`; `Q` is float32 under every `dtype`.

    Raises:
        TypeError: if an argument is of another type.
        ValueError: if an argument is out of range, arguments exclude one another, or the loss is passed to
            `keras.Model.compile` of a plain model.

    Warns:
        UserWarning: if `alpha` is 1.

    Example:
        >>> import numpy as np
        >>> from tfp_noise import NoisyLabelClassifier
        >>> loss = LearnableLabelSmoothing(3)
        >>> network = keras.Sequential([keras.Input([4]), keras.layers.Dense(3)])
        >>> model = NoisyLabelClassifier(network, loss)
        >>> model.compile("adam")
        >>> history = model.fit(np.eye(4)[:3], np.arange(3), epochs=2, verbose=0)
        >>> loss.q_matrix.shape, bool(np.allclose(loss.q_matrix.sum(axis=1), 1))
        ((3, 3), True)

    References:
        "LLS: regulating neural network training via learnable label smoothing": Eq. 4 (targets), Eq. 5 (loss; it omits
        the factor 1/2 of appendix A, which is kept here), Table 4 (terms), appendix B (gradients). Departures: `t` is
        at least 1e-30 inside the logarithm; rows of N entries, which the paper names as future work.
    """

    needs_classifier = "its targets are trained with the network"
    paper = '"LLS: regulating neural network training via learnable label smoothing"'

    def __init__(
        self,
        num_classes: int,
        alpha: float = 0.1,
        top: int | None = None,
        *,
        terms: Sequence[str] = TERMS,
        variant: str = "paper",
        initial_logits: ArrayLike | None = None,
        weight_decay: bool = True,
        learning_rate: float | None = None,
        name: str = "learnable_label_smoothing",
        **kwargs: Any,
    ):
        super().__init__(num_classes, name=name, **kwargs)
        self.alpha = self._check_number("alpha", alpha, 0, 1)
        if self.alpha == 1:
            _validation.warn_of_no_labels("alpha")
        self.top = _validation.check_top(top, self.num_classes)
        self.terms = _check_terms(terms)
        self.variant = _validation.check_choice("variant", variant, ["paper", "label_smoothing++"])
        self.initial_logits = initial_logits
        if initial_logits is not None:
            self.initial_logits = _validation.check_matrix("initial_logits", initial_logits, self.num_classes)
        self.weight_decay = _validation.check_bool("weight_decay", weight_decay)
        self.learning_rate = learning_rate
        if learning_rate is not None:
            self.learning_rate = self._check_number("learning_rate", learning_rate, above=0)
        _check_together(self)

    def build_state(self):
        if self.top is not None:
            return TopTargetLogits(self.num_classes, self.top)
        return DenseTargetLogits(self.num_classes, self.initial_logits, with_diagonal=self.variant == "paper")

    @property
    def state_name(self):
        return super().state_name + ("" if self.variant == "paper" else " without diagonal")

    @property
    def q_matrix(self) -> np.ndarray | TopRows:
        """`Q` as probabilities, float32 `[K, K]`, a row for each label; with `top`, `TopRows`."""
        return self.class_rows

    def class_index_loss(self, labels, y_pred):
        rows = self.state().take(labels, self.dtype)
        return self._divergence(lambda rows: _labels.mix_with_one_hot(rows, labels, self.alpha), rows, y_pred)

    def soft_label_loss(self, targets, y_pred):
        rows = self.state().mix(targets)
        return self._divergence(lambda rows: (1 - self.alpha) * targets + self.alpha * rows, rows, y_pred)

    def _divergence(self, targets_of, rows, y_pred):
        if self.variant == "paper" and self.terms == TERMS:
            return mean_divergence(targets_of, self.alpha, rows, y_pred)
        if self.variant == "paper":
            return half_sum_of_terms(targets_of, self.alpha, rows, y_pred, self.terms)
        mixed = targets_of(rows)
        p = ops.softmax(y_pred, axis=-1)
        trains_targets = ops.stop_gradient(p) * ops.log(mixed + _INSIDE_LOG)
        trains_network = ops.stop_gradient(mixed) * ops.log(p + _INSIDE_LOG)
        return -0.5 * ops.sum(trains_targets + trains_network, axis=-1)

    def wrap_optimizer(self, optimizer, state):
        if isinstance(optimizer, keras.optimizers.LossScaleOptimizer):  # its inner optimizer has decay and rate
            optimizer.inner_optimizer = self.wrap_optimizer(optimizer.inner_optimizer, state)
            return optimizer
        if isinstance(optimizer, keras.optimizers.MultiOptimizer):
            return optimizer  # that of a saved model, or the user's own choice
        if not self.weight_decay:
            _exempt_from_weight_decay(optimizer, state.trainable_variables)
        if self.learning_rate is None:
            return optimizer
        config = {**optimizer.get_config(), "learning_rate": self.learning_rate, "name": "loss_state_optimizer"}
        own = type(optimizer).from_config(config if self.weight_decay else {**config, "weight_decay": 0.0})
        chosen = {variable.path: own for variable in state.trainable_variables}
        return keras.optimizers.MultiOptimizer(keras.optimizers.OptimizerMap(optimizer, chosen))

    def get_config(self):
        settings = ("alpha", "top", "variant", "weight_decay", "learning_rate")
        initial = self.initial_logits if self.initial_logits is None else self.initial_logits.tolist()
        plain = {key: getattr(self, key) for key in settings}
        return {**super().get_config(), **plain, "terms": list(self.terms), "initial_logits": initial}


def _check_terms(terms):
    """`terms` as a tuple without repetitions, in the order of `TERMS`."""
    if not isinstance(terms, (tuple, list, set, frozenset)) or not terms:
        raise ValueError(f"`terms` must be some of {TERMS}, in a tuple or list. Received: {terms!r}.")
    for term in terms:
        _validation.check_choice("terms", term, TERMS, "term")
    return tuple(term for term in TERMS if term in terms)


def _check_together(loss):
    """Refuses options that exclude one another."""
    if loss.variant != "paper" and (loss.terms != TERMS or loss.top is not None):
        raise ValueError(
            f"`terms` and `top` belong to variant='paper'. Received: {loss.terms} and {loss.top} with "
            f"{loss.variant!r}. Leave them out."
        )
    if loss.top is not None and loss.initial_logits is not None:
        raise ValueError(
            f"`initial_logits` must be left out with `top`, whose entries are found in training. Received: "
            f"top={loss.top} and a matrix. Leave out one of them."
        )


def _exempt_from_weight_decay(optimizer, variables):
    """Exempts more variables from an optimizer's weight decay, with private attributes of Keras that tests check."""
    if all(not optimizer._use_weight_decay(variable) for variable in variables):
        return  # compiled before
    names = getattr(optimizer, "_exclude_from_weight_decay_pattern", None)
    earlier = getattr(optimizer, "_exclude_from_weight_decay", set())
    optimizer.exclude_from_weight_decay(var_list=variables, var_names=[names.pattern] if names else None)
    optimizer._exclude_from_weight_decay |= earlier  # Keras forgets them
