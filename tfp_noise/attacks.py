"""Adversarial examples: features moved within a small box so that a classifier errs."""

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import ArrayLike

from tfp_noise import _backends, _validation
from tfp_noise._training.raw_outputs import check_raw_outputs
from tfp_noise.classifier import NoisyLabelClassifier, class_logits

__all__ = ["fast_gradient_sign", "projected_gradient"]

_BATCH = 128


def fast_gradient_sign(
    model: keras.Model, features: ArrayLike, labels: ArrayLike, epsilon: float = 8 / 255
) -> np.ndarray:
    """Moves every feature by `epsilon` in the direction in which the loss grows: `clip(x + epsilon sign(g), 0, 1)`.

    `g` is the gradient, with respect to the features, of the cross-entropy of the model's probabilities, whatever loss
    the model was trained with. A feature whose gradient is 0 stays where it is.

    The signs are taken from the log-odds of all other classes against the label, `logsumexp_{k != y} z_k - z_y`.
    Cross-entropy is an increasing function of them, so the signs are the same; but in float32 the gradient of
    cross-entropy underflows to 0 where the model is certain, which would make the model look robust.

    Args:
        model: a `NoisyLabelClassifier` of any loss, or another `keras.Model` from features to logits `[n, K]`, without
            a softmax. It runs in inference mode.
        features: float `[n, ...]`, in [0, 1]; a normalisation of them must be part of the model.
        labels: int `[n]`, the true classes.
        epsilon: float >= 0, how far a feature may move.

    Returns:
        float32 array of the shape of `features`, in [0, 1], within `epsilon` of them up to rounding.

    Raises:
        TypeError: if features are not floating-point, labels are not integers, or `model` is not a Keras model.
        ValueError: if features lie outside [0, 1], labels are out of range or too few, `epsilon` is negative, or the
            model ends in a softmax.

    Example:
        >>> import keras
        >>> model = keras.Sequential([keras.Input([2]), keras.layers.Dense(2, kernel_initializer="identity")])
        >>> fast_gradient_sign(model, np.array([[0.75, 0.25]]), np.array([0]), epsilon=0.5)
        array([[0.25, 0.75]], dtype=float32)

    References:
        Goodfellow, Shlens, Szegedy, "Explaining and harnessing adversarial examples", 2015; Zhang et al., "Delving deep
        into label smoothing", 2021, Eq. 11 and 12, and Tables VIII and IX.
    """
    return _ascend(model, features, labels, epsilon, step_size=epsilon, num_steps=1)


def projected_gradient(
    model: keras.Model,
    features: ArrayLike,
    labels: ArrayLike,
    epsilon: float = 8 / 255,
    step_size: float = 2 / 255,
    num_steps: int = 20,
    *,
    seed: int = 0,
) -> np.ndarray:
    """Ascends the loss from a random start, staying in a box: `x <- clip(x + step_size sign(g))`, `num_steps` times.

    The box holds the points within `epsilon` of the features and in [0, 1]. The start is uniform within `epsilon` of
    the features, clipped to [0, 1]; the result is the point after the last step. `g` is as in `fast_gradient_sign`.
    One seed gives the same start for every model.

    Args:
        model: as in `fast_gradient_sign`.
        features: as in `fast_gradient_sign`.
        labels: as in `fast_gradient_sign`.
        epsilon: as in `fast_gradient_sign`.
        step_size: float >= 0, how far a feature moves in one step.
        num_steps: int >= 0; with 0 the result is the start.
        seed: int in [0, 2^31), of the start.

    Returns:
        As `fast_gradient_sign`.

    Raises:
        TypeError, ValueError: as `fast_gradient_sign`, and if `step_size`, `num_steps` or `seed` is out of range.

    Example:
        >>> import keras
        >>> model = keras.Sequential([keras.Input([2]), keras.layers.Dense(2, kernel_initializer="identity")])
        >>> projected_gradient(model, np.array([[0.75, 0.25]]), np.array([0]), epsilon=0.5, step_size=0.25)
        array([[0.25, 0.75]], dtype=float32)

    References:
        Madry, Makelov, Schmidt, Tsipras, Vladu, "Towards deep learning models resistant to adversarial attacks", 2018;
        Zhang et al. 2021, Tables VIII and IX (20 steps).
    """
    step_size = _validation.check_number("step_size", step_size, 0)
    num_steps = _validation.check_int("num_steps", num_steps, 0)
    generator = np.random.default_rng(_validation.check_seed(seed))
    return _ascend(model, features, labels, epsilon, step_size, num_steps, generator)


def _ascend(model, features, labels, epsilon, step_size, num_steps, generator=None):
    """Signed gradient steps within the box, from the features or, with a generator, from a random point of the box."""
    _backends.require_tensorflow("attacks", "TensorFlow takes their gradients")
    epsilon = _validation.check_number("epsilon", epsilon, 0)
    _validation.check_one_order({"features": features, "labels": labels})
    features = _validation.check_unit_features("features", features).astype(np.float32)
    if isinstance(model, NoisyLabelClassifier):
        model.scale_check("features", features)
    labels = _check_labels(labels, model, features)

    @tf.function(
        input_signature=[
            *[tf.TensorSpec([None, *features.shape[1:]], tf.float32)] * 3,
            tf.TensorSpec([None], tf.int32),
        ]
    )
    def ascend(x, low, high, labels):
        for _ in tf.range(num_steps):
            with tf.GradientTape() as tape:
                tape.watch(x)
                odds = _log_odds_against(labels, class_logits(model, x))
            x = tf.clip_by_value(x + step_size * tf.sign(tape.gradient(odds, x)), low, high)
        return x

    moved = np.empty_like(features)
    for begin in range(0, len(features), _BATCH):
        part = slice(begin, begin + _BATCH)
        x = features[part]
        low, high = np.maximum(x - np.float32(epsilon), 0), np.minimum(x + np.float32(epsilon), 1)
        if generator is not None:
            x = np.clip(x + generator.uniform(-epsilon, epsilon, x.shape).astype(np.float32), low, high)
        moved[part] = ascend(x, low, high, labels[part])
    return moved


def _log_odds_against(labels, logits):
    """`log((1 - p_y) / p_y)`, float32 `[n]`."""
    logits = tf.cast(logits, tf.float32)
    is_label = tf.one_hot(labels, logits.shape[-1], on_value=True, off_value=False)
    of_others = tf.reduce_logsumexp(tf.where(is_label, -np.inf, logits), axis=-1)
    return of_others - tf.reduce_sum(tf.where(is_label, logits, 0.0), axis=-1)


def _check_labels(labels, model, features):
    if not isinstance(model, keras.Model):
        raise TypeError(f"`model` must be a Keras model. Received: {model!r}.")
    check_raw_outputs("model", model, keras.KerasTensor([None, *features.shape[1:]], features.dtype))
    try:
        num_classes = class_logits(model, features[:1]).shape[-1]
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"`features` must be inputs that `model` takes. Received shape {features.shape}: {error!s:.300}"
        ) from error
    labels = _validation.check_labels("labels", labels, num_classes)
    if len(labels) != len(features):
        raise ValueError(
            f"`features` and `labels` must have the same length. Received: {len(features)} and {len(labels)}."
        )
    return labels.astype(np.int32)
