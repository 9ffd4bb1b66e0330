"""Adversarial examples: features moved within a small box so that a classifier errs."""

import keras
import numpy as np
import tensorflow as tf

from tfp_noise import _validation
from tfp_noise._training.raw_outputs import check_raw_outputs
from tfp_noise.classifier import NoisyLabelClassifier, class_logits

__all__ = ["fast_gradient_sign", "projected_gradient"]

_BATCH = 128


def fast_gradient_sign(model, features, labels, bound=8 / 255):
    """Moves every feature by `bound` in the direction in which the loss grows: `clip(x + bound sign(g), 0, 1)`.

    `g` is the gradient of the cross-entropy of the model's probabilities, whatever loss it was trained with, in the
    features; a feature whose gradient is 0 stays. The signs are those of the label's log-odds against all other
    classes, `logsumexp_{k != y} z_k - z_y`, of which cross-entropy is a growing function, but whose gradient does not
    vanish in float32 where the model is certain: a model is not robust because its gradient underflows.

    Args:
        model: a `NoisyLabelClassifier` of any loss, or another `keras.Model` from features to logits `[n, K]`, no
            softmax. It runs in inference mode.
        features: float `[n, ...]`, in [0, 1]; what normalises them must be in the model.
        labels: int `[n]`, the clean classes.
        bound: float >= 0, how far a feature may move.

    Returns:
        float32 like `features`, in [0, 1], within `bound` of them up to rounding.

    Raises:
        TypeError: for features that are not floating-point, or labels that are not integers.
        ValueError: for features outside [0, 1], labels out of range or too few, a negative `bound`, or a model that
            ends in a softmax.

    Example:
        >>> import keras
        >>> model = keras.Sequential([keras.Input([2]), keras.layers.Dense(2, kernel_initializer="identity")])
        >>> fast_gradient_sign(model, np.array([[0.75, 0.25]]), np.array([0]), bound=0.5)
        array([[0.25, 0.75]], dtype=float32)

    References:
        Goodfellow, Shlens, Szegedy, "Explaining and harnessing adversarial examples", 2015; Zhang et al., "Delving deep
        into label smoothing", 2021, Eq. 11 and 12, and Tables VIII and IX.
    """
    return _climb(model, features, labels, bound, step=bound, iterations=1)


def projected_gradient(model, features, labels, bound=8 / 255, step=2 / 255, iterations=20, *, seed=0):
    """Climbs the loss from a random place in the box: `x <- clip(x + step sign(g))`, `iterations` times.

    The box is what lies within `bound` of the features and in [0, 1], the start is uniform in the former and clipped to
    the latter, and the result is where the last step ends. `g` is as in `fast_gradient_sign`. The same seed starts
    from the same places, whatever the model.

    Args:
        model: as in `fast_gradient_sign`.
        features: as in `fast_gradient_sign`.
        labels: as in `fast_gradient_sign`.
        bound: as in `fast_gradient_sign`.
        step: float >= 0, how far a feature moves in one iteration.
        iterations: int >= 0.
        seed: int in [0, 2^31), of the start.

    Returns:
        As `fast_gradient_sign`.

    Raises:
        TypeError, ValueError: as `fast_gradient_sign`, and for a `step`, `iterations` or `seed` out of range.

    Example:
        >>> import keras
        >>> model = keras.Sequential([keras.Input([2]), keras.layers.Dense(2, kernel_initializer="identity")])
        >>> projected_gradient(model, np.array([[0.75, 0.25]]), np.array([0]), bound=0.5, step=0.25)
        array([[0.25, 0.75]], dtype=float32)

    References:
        Madry, Makelov, Schmidt, Tsipras, Vladu, "Towards deep learning models resistant to adversarial attacks", 2018;
        Zhang et al. 2021, Tables VIII and IX (20 iterations).
    """
    step = _validation.check_number("step", step, 0)
    iterations = _validation.check_int("iterations", iterations, 0)
    generator = np.random.default_rng(_validation.check_seed(seed))
    return _climb(model, features, labels, bound, step, iterations, generator)


def _climb(model, features, labels, bound, step, iterations, generator=None):
    """Steps of signs within the box, from the features themselves or, with a generator, from a random place."""
    bound = _validation.check_number("bound", bound, 0)
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
    def climb(x, low, high, labels):
        for _ in tf.range(iterations):
            with tf.GradientTape() as tape:
                tape.watch(x)
                odds = _log_odds_against(labels, class_logits(model, x))
            x = tf.clip_by_value(x + step * tf.sign(tape.gradient(odds, x)), low, high)
        return x

    moved = np.empty_like(features)
    for begin in range(0, len(features), _BATCH):
        part = slice(begin, begin + _BATCH)
        x = features[part]
        low, high = np.maximum(x - np.float32(bound), 0), np.minimum(x + np.float32(bound), 1)
        if generator is not None:
            x = np.clip(x + generator.uniform(-bound, bound, x.shape).astype(np.float32), low, high)
        moved[part] = climb(x, low, high, labels[part])
    return moved


def _log_odds_against(labels, logits):
    """`log((1 - p_y) / p_y)`, `[n]`."""
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
        raise ValueError(f"`features` and `labels` must have one length. Received: {len(features)} and {len(labels)}.")
    return labels.astype(np.int32)
