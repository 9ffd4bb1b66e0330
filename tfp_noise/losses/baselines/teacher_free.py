"""Teacher-free distillation: a virtual teacher that knows the label alone (Yuan et al. 2020)."""

import math
from typing import Any

from keras import ops
from scipy.special import entr

from tfp_noise import _validation
from tfp_noise.losses._entropies import cross_entropies_of_classes, cross_entropy, cross_entropy_of_classes, product
from tfp_noise.losses.base import NoisyLabelLoss, register

_SMALLEST = 1e-37


@register
class TeacherFree(NoisyLabelLoss):
    """Cross-entropy plus the divergence from a virtual teacher that is right with a fixed probability (Tf-KD_reg).

    The teacher gives the label `a = correct_probability` and each other class `(1 - a) / (K - 1)`. With `u_T` its
    softened probabilities and `p_T = softmax(y_pred / T)`,

        (1 - alpha) CE(y, p_1) + alpha KL(u_T || p_T)

    The paper and its code soften the teacher in different ways:

    | variant | `u_T` | prediction in the divergence |
    |---|---|---|
    | `"paper"` | `softmax(log u / T)` | `p_T` |
    | `"code"` | `softmax(u / T)`, of probabilities as if they were logits | `p_1` |

    In the code's variant the teacher is almost uniform at T = 20 (for K = 100 it gives the label 0.0105 and each other
    class 0.00999), so that the loss is nearly label smoothing by `alpha`. In the paper's variant the gradient of the
    divergence is `(p_T - u_T) / T`, not multiplied by `T^2` as in distillation. The teacher of a distribution over
    classes is the mixture of the softened teachers of the classes.

    Args:
        num_classes: int, K >= 2.
        alpha: float in [0, 1], the weight of the divergence; 0 is cross-entropy.
        temperature: float > 0, T, which softens the teacher.
        correct_probability: float above 1 / K and below 1, a, the teacher's probability of the label.
        variant: "paper" or "code", a row of the table above.
        name: name of the loss.
        **kwargs: `reduction`, `dtype` and `ignore_class`, as in `NoisyLabelLoss`.

    Raises:
        TypeError: if an argument is not a number.
        ValueError: if a number is out of range or `variant` unknown.

    Example:
        >>> import numpy as np
        >>> loss = TeacherFree(2, alpha=1.0, temperature=1.0)
        >>> round(float(loss(np.array([0]), np.array([[0.0, 0.0]]))), 4)  # log 2 - H(0.99, 0.01)
        0.6371

    References:
        Yuan, Tay, Li, Wang, Feng, "Revisiting knowledge distillation via label smoothing regularization", 2020;
        the teacher is Eq. 9 of Zhang et al., "Delving deep into label smoothing", 2021. Departure from the
        code: it also averages the terms of the divergence over the K classes and multiplies them by a factor that it
        sets for each model; here they are summed, the same where the factor is K, as for ResNet-18 on CIFAR-100 (alpha
        0.1, T 20).
    """

    paper = "Yuan et al., 2020"

    def __init__(
        self,
        num_classes: int,
        alpha: float = 0.1,
        temperature: float = 20.0,
        correct_probability: float = 0.99,
        *,
        variant: str = "paper",
        name: str = "teacher_free",
        **kwargs: Any,
    ):
        super().__init__(num_classes, name=name, **kwargs)
        self.alpha = self._check_number("alpha", alpha, 0, 1)
        self.temperature = self._check_number("temperature", temperature, above=0)
        self.correct_probability = self._check_number(
            "correct_probability", correct_probability, above=1 / self.num_classes, below=1
        )
        self.variant = _validation.check_choice("variant", variant, ["paper", "code"])

    def soft_label_loss(self, targets, y_pred):
        to_label = cross_entropy(targets, ops.log_softmax(y_pred, axis=-1))
        right, wrong = self._teacher()
        teacher = wrong + (right - wrong) * targets
        student = ops.log_softmax(y_pred / self._softening, axis=-1)
        # At a low temperature the teacher's probability of other classes underflows, and 0 log 0 counts as 0.
        log_teacher = ops.log(ops.maximum(teacher, _SMALLEST))
        return self._sum(to_label, cross_entropy(teacher, student - log_teacher))

    def class_index_loss(self, labels, y_pred):
        right, wrong = self._teacher()
        of_label, of_all = cross_entropies_of_classes(labels, y_pred / self._softening)
        entropy = entr(right) + (self.num_classes - 1) * entr(wrong)
        divergence = (right - wrong) * of_label + product(of_all, wrong) - float(entropy)
        return self._sum(cross_entropy_of_classes(labels, y_pred), divergence)

    def _sum(self, to_label, divergence):
        return product(to_label, 1 - self.alpha) + product(divergence, self.alpha)

    @property
    def _softening(self):
        """The temperature of the prediction in the divergence."""
        return self.temperature if self.variant == "paper" else 1.0

    def _teacher(self):
        """The softened teacher's probabilities of the label and of each other class."""
        right, others = self.correct_probability, self.num_classes - 1
        wrong = (1 - right) / others
        gap = right - wrong if self.variant == "code" else math.log(right / wrong)
        ratio = math.exp(-gap / self.temperature)
        return 1 / (1 + others * ratio), ratio / (1 + others * ratio)

    def get_config(self):
        names = ["alpha", "temperature", "correct_probability", "variant"]
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}
