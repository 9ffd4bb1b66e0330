"""Arguments of losses near the limits of float32: refused with a clear error, or as exact as in float64."""

import numpy as np
import pytest
import tensorflow as tf
from keras.optimizers import schedules

from tests.helpers.losses_under_test import LOSSES_UNDER_TEST, examples, first_of_class, with_ids
from tfp_noise import losses

POWERS = (-300, -40, -38, -31, -29, -16, -14, -8, 8, 14, 16, 29, 31, 40, 300)
NUMBERS = [-1e-40, -1e40, *(float(f"1e{power}") for power in POWERS)]
LOSSES = {name: case.build(4) for name, case in LOSSES_UNDER_TEST.items()}
LOSSES = {
    name: LOSSES[name]
    for name in LOSSES
    if name in first_of_class(LOSSES) or name.startswith(("logistic", "focal", "flsd"))
}
WIDE = {name: LOSSES_UNDER_TEST[name].build(4, dtype="float64") for name in LOSSES}
# A random draw that two dtypes do not share, or one beyond which the noise is all that is seen.
RANDOM = ("noise_against_noise", "heteroscedastic")
# Losses with powers, with tempered ones, with a density, and with a memory.
DAILY = ("generalized", "bi_tempered", "logistic_normal", "early_learning")


def arguments():
    for name, loss in LOSSES.items():
        for argument, value in loss.get_config().items():
            if isinstance(value, float):
                yield pytest.param(name, argument, id=f"{name}-{argument}")


def value_and_gradient(loss, y_true, outputs):
    outputs = tf.constant(outputs, loss.dtype)
    with tf.GradientTape() as tape:
        tape.watch(outputs)
        value = loss.call(with_ids(loss, y_true), outputs)
    return value.numpy(), tape.gradient(value, outputs).numpy()


@pytest.mark.parametrize(("name", "argument"), list(arguments()))
@pytest.mark.daily(*(one.id for one in arguments() if one.id.startswith(DAILY)))
def test_numbers_are_refused_by_name_or_right(name, argument):
    loss = LOSSES[name]
    labels, soft, outputs = examples(loss)
    for number in NUMBERS:
        config = {**loss.get_config(), argument: number}
        try:
            narrow = type(loss).from_config(config)
        except ValueError as error:
            refusal = str(error)
        else:
            refusal = None
        if refusal:
            assert f"`{argument}` must" in refusal, number
            continue
        wide = type(loss).from_config({**WIDE[name].get_config(), argument: number})
        for y_true in (labels, soft):
            value, gradient = value_and_gradient(narrow, y_true, outputs)
            assert np.isfinite(value).all(), number
            assert np.isfinite(gradient).all(), number
            if name not in RANDOM:
                expected, expected_gradient = value_and_gradient(wide, y_true, outputs)
                np.testing.assert_allclose(value, expected, rtol=1e-3, atol=1e-4, err_msg=str(number))
                atol = 1e-3 * np.abs(expected_gradient).max()
                np.testing.assert_allclose(gradient, expected_gradient, atol=atol, err_msg=str(number))


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda **k: losses.GeneralizedCrossEntropy(4, 1e-38, **k), r'`q`.* float32 .*1e-38. Pass 1e-30, or `dtype="f'),
        (lambda **k: losses.LogisticNormal(4, target_smoothing=1e-38, **k), "`target_smoothing`.* float32 "),
        (lambda **k: losses.LogisticNormal(4, min_scale=1e-20, **k), "`min_scale`.* float32 .* Pass 1e-15, or"),
        (lambda **k: losses.LogisticNormal(4, min_scale=1e38, **k), r"`min_scale`.* float32 .* Pass 1e\+15, or"),
        (
            lambda **k: losses.LogisticNormal(4, min_scale=schedules.ExponentialDecay(1e-20, 10, 0.1), **k),
            "`min_scale`.* float32 .* Pass 1e-15, or",
        ),
    ],
)
def test_the_cure_works(build, message):
    with pytest.raises(ValueError, match=message):
        build()
    build(dtype="float64")
