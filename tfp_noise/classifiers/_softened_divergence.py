"""Divergence of one prediction from another one, both softened by a temperature."""

import keras
from keras import ops

_LOG_ZERO = -1e30  # stands for log(0), so that a class which neither prediction has adds 0


class SoftenedDivergence(keras.losses.Loss):
    """`T^2 KL(softmax(t / T) || softmax(s / T))` in nats for teacher logits t and student logits s, float `[batch, K]`.

    The factor `T^2` keeps gradients as large as at `T = 1`. Gradients reach both arguments.

    Args:
        loss: the `NoisyLabelLoss` beside it, whose reduction and dtype it has.
        temperature: float > 0, T.
    """

    def __init__(self, loss, temperature):
        super().__init__(name="softened_divergence", reduction=loss.reduction, dtype=loss.dtype)
        self._temperature = temperature

    def call(self, y_true, y_pred):
        log_p, log_q = (
            ops.maximum(ops.log_softmax(logits / self._temperature, axis=-1), _LOG_ZERO) for logits in (y_true, y_pred)
        )
        return self._temperature**2 * ops.sum(ops.exp(log_p) * (log_p - log_q), axis=-1)
