"""The Logistic-Normal likelihood as a loss, in closed form (Englesson et al. 2023)."""

from typing import Any, ClassVar

import numpy as np
from keras import ops
from keras.optimizers import schedules

from tfp_noise import _validation
from tfp_noise.losses._checks import check_state
from tfp_noise.losses._gaussian_nll import SCALES
from tfp_noise.losses.base import NoisyLabelLoss, register


@register
class LogisticNormal(NoisyLabelLoss):
    """Negative log-likelihood of a smoothed label under a Logistic-Normal distribution, in nats.

    The label `y` becomes the target `s = (1 - t) y + t u` on the simplex of K + 1 classes, the K real ones and a dummy
    class, which is the reference of the softmax-centred map so that no real class has to be. The network gives, for
    each example, the mean `loc` and the scale matrix `S` of a Gaussian in logit space:

        z = temperature * log(s[:n] / s[n]),    r = z - loc,    n = K (K - 1 without the dummy class)
        loss = |S^-1 r|^2 / 2 + log|S| + n/2 log(2 pi) - n log(temperature) + log(n + 1)/2 + sum_k log s_k

    This is `-tfp_noise.distributions.LogisticNormal(...).log_prob(s)` with all constants; the last four terms do not
    depend on the network. (`log(n + 1)/2`, because TFP's density refers to the surface measure of the simplex, not to n
    of its coordinates.) The covariance of the logits is `S S'`. `S` is built from the outputs after `loc`:

        identity    S = I                                    no further outputs
        isotropic   S = (c^2 + min_scale) I                  1
        diagonal    S = diag(c^2 + min_scale)                n
        low_rank    S = C C' + min_scale I   (Eq. 9)         n * rank, row-major [n, rank]

    `temperature` and `min_scale` decide together which examples are given up: gradients are attenuated where a residual
    is longer than `min_scale`, and that of an untrained network is `temperature * log(s_label / s_other)` long, for ten
    classes and the default target 14 times the default `min_scale`. So a large `temperature` with a small `min_scale`
    learns slowly, and the other way round more wrong labels are learned. The defaults are the paper's for MNIST and
    CIFAR-10 under 40 % symmetric noise. In this package's shorter trainings `temperature=0.5`, or `min_scale=1`, was
    mostly better: begin there and search, as the paper does for each data set (`tfp_noise.search.choose_loss`).

    The low-rank form costs O(n rank^2) and makes no n x n matrix. Rank 1 has a closed form; higher ranks solve a system
    of as many unknowns in float64, which takes 4 to 13 times as long on a CPU (rank 4, K = 10 to 21,843), and is right
    for nearly collinear columns, too. JAX without float64 takes a QR factorisation, several times slower.

    `min_scale` may be a schedule over the optimizer's updates (annealing): large at first, so that all examples are
    fitted alike, then smaller, so that the examples with the largest residuals are given up. The `NoisyLabelClassifier`
    that owns the loss counts the updates (fewer than batches where gradients are accumulated); without a classifier the
    schedule stays at step 0. Validation takes the value at the schedule's end throughout, so that its losses can be
    compared between epochs.

    Args:
        num_classes: int, K >= 2.
        temperature: float > 0, the paper's tau.
        min_scale: float > 0, the paper's lambda: the gradients of residuals longer than it are attenuated; or a
            `keras.optimizers.schedules.LearningRateSchedule` of such values. Not used by `identity`.
        target_smoothing: float in [1e-30, 1], the paper's t; 1 warns, because nothing is left of the labels.
        covariance: "identity", "isotropic", "diagonal" or "low_rank".
        rank: int >= 1, the number of columns of C; only with "low_rank".
        dummy_class: bool; False makes the last class the reference, on the simplex of K classes.
        name: name of the loss.
        **kwargs: `reduction`, `dtype` and `ignore_class`, as in `NoisyLabelLoss`.

    Raises:
        TypeError: if an argument is of another type.
        ValueError: if a number is out of range, `covariance` is unknown, `rank` is given with another covariance, or a
            loss with a schedule is compiled into a plain Keras model, which does not give it the step.

    Warns:
        UserWarning: if `target_smoothing` is 1.

    Example:
        >>> import numpy as np
        >>> loss = LogisticNormal(10)
        >>> loss.num_outputs
        20
        >>> loss.probabilities(np.zeros((1, 20))).shape
        TensorShape([1, 10])

    References:
        Englesson, Mehrpanah, Azizpour, "Logistic-Normal likelihoods for heteroscedastic label noise in
        classification", 2023: Eq. 4 (density), 9 (scale), 10, 11 (temperature), section 3.2 (target), 3.3 (dummy
        class), 3.4 (prediction). Departure: the authors' code predicts over K + 1 classes; here the dummy class is left
        out and the other probabilities are normalised again, which can only raise the accuracy.
    """

    paper = "Englesson, Mehrpanah, Azizpour, 2023"
    needs = "a last layer of `num_outputs` units"
    search_space: ClassVar = {"temperature": (0.1, 0.5, 1.0), "min_scale": (0.1, 0.5, 1.0)}  # appendix B.2, for MNIST

    def __init__(
        self,
        num_classes: int,
        temperature: float = 1.0,
        min_scale: float | schedules.LearningRateSchedule = 0.5,
        target_smoothing: float = 0.01,
        covariance: str = "low_rank",
        rank: int = 1,
        dummy_class: bool = True,
        *,
        name: str = "logistic_normal",
        **kwargs: Any,
    ):
        super().__init__(num_classes, name=name, **kwargs)
        self.temperature = self._check_number("temperature", temperature, above=0, squared=True)
        self.min_scale, self._last_scale = _check_scale(min_scale, self.dtype)
        check_state(self)
        self.target_smoothing = self._check_number("target_smoothing", target_smoothing, maximum=1, above=0)
        if self.target_smoothing == 1:
            _validation.warn_of_no_labels("target_smoothing")
        self.covariance = _validation.check_choice("covariance", covariance, SCALES)
        self.rank = _validation.check_int("rank", rank, 1)
        if covariance != "low_rank" and rank != 1:
            raise ValueError(
                f"`rank` belongs to covariance='low_rank'. Received: rank={rank} with {covariance!r}. Leave it out."
            )
        self.dummy_class = _validation.check_bool("dummy_class", dummy_class)

    @property
    def num_prediction_outputs(self):
        return self.num_classes if self.dummy_class else self.num_classes - 1

    @property
    def num_outputs(self):
        n = self.num_prediction_outputs
        return n + {"identity": 0, "isotropic": 1, "diagonal": n, "low_rank": n * self.rank}[self.covariance]

    def class_index_loss(self, labels, y_pred):
        on, off = self._target_values()
        n = self.num_prediction_outputs
        peak = self.temperature * float(np.log(on / off))
        target = ops.one_hot(labels, self.num_classes, dtype=self.dtype)
        if not self.dummy_class:  # a label of the last class, the reference, lowers all logits alike
            target = target[:, :-1] - target[:, -1:]
        target = target * peak
        return self._negative_log_density(target, float(np.log(on) + n * np.log(off)), y_pred)

    def soft_label_loss(self, targets, y_pred):
        _, off = self._target_values()
        log_target = ops.log((1 - self.target_smoothing) * targets + off)
        if self.dummy_class:
            reference = float(np.log(off))
            target, sum_of_logs = log_target - reference, ops.sum(log_target, axis=-1) + reference
        else:
            target, sum_of_logs = log_target[:, :-1] - log_target[:, -1:], ops.sum(log_target, axis=-1)
        return self._negative_log_density(self.temperature * target, sum_of_logs, y_pred)

    def _target_values(self):
        """Probability of the labelled class and of every other one in the target of an integer label."""
        off = self.target_smoothing / (self.num_prediction_outputs + 1)
        return 1 - self.target_smoothing + off, off

    def _negative_log_density(self, target, sum_of_logs, y_pred):
        n = self.num_prediction_outputs
        # Not slices, because the gradient of each slice pads a tensor as wide as all outputs. Halves split faster.
        loc, raw_scale = ops.split(y_pred, 2 if self.num_outputs == 2 * n else [n], axis=-1)
        constant = n * (0.5 * np.log(2 * np.pi) - np.log(self.temperature)) + 0.5 * np.log(n + 1)
        min_scale = ops.convert_to_tensor(self._min_scale_now(), self.dtype)
        return SCALES[self.covariance](loc - target, raw_scale, min_scale) + (sum_of_logs + float(constant))

    divergence_advice = (
        "Unlike those of cross-entropy, the gradients of LogisticNormal are not bounded: they grow with the residual "
        "over min_scale^2. Take a lower learning rate than with cross-entropy, or a larger `min_scale`."
    )

    def loss_in_validation(self):
        if not callable(self.min_scale):
            return self
        return type(self).from_config({**self.get_config(), "min_scale": self._last_scale})

    def _min_scale_now(self):
        return self.min_scale(self.count_updates()) if callable(self.min_scale) else self.min_scale

    @property
    def needs_classifier(self):
        return "its `min_scale` is a schedule over training steps" if callable(self.min_scale) else None

    @property
    def reads_logits(self):
        return False

    def logits(self, y_pred):
        loc = y_pred[..., : self.num_prediction_outputs] / self.temperature
        return loc if self.dummy_class else ops.pad(loc, [[0, 0]] * (len(loc.shape) - 1) + [[0, 1]])

    def get_config(self):
        names = ["temperature", "target_smoothing", "covariance", "rank", "dummy_class"]
        config = {**super().get_config(), **{name: getattr(self, name) for name in names}}
        scale = schedules.serialize(self.min_scale) if callable(self.min_scale) else self.min_scale
        return {**config, "min_scale": scale}

    @classmethod
    def from_config(cls, config):
        scale = config.get("min_scale", 0.5)
        return cls(**{**config, "min_scale": schedules.deserialize(scale) if isinstance(scale, dict) else scale})


def _check_scale(value, dtype):
    """`value` if it is a positive number, or a schedule that starts and ends with one; and the value at its end."""
    if not isinstance(value, schedules.LearningRateSchedule):
        return 2 * (_validation.check_number("min_scale", value, above=0, dtype=dtype, squared=True),)
    config = value.get_config()
    end = (config.get("decay_steps") or 0) + (config.get("warmup_steps") or 0)
    end += max(config.get("boundaries", [-1])) + 1
    for step in (0, end):
        last = float(value(step))
        if not last > 0:
            raise ValueError(
                f"`min_scale` must stay above 0. Received: a schedule that gives {last:g} at step {step}. Set its "
                "`alpha` or `end_learning_rate`."
            )
        _validation.check_number("min_scale", last, dtype=dtype, squared=True)
    return value, last
