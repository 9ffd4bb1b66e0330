"""The warm-up against its formula, and what Keras does with a schedule."""

import json

import keras
import numpy as np
import pytest

from tfp_noise import NoisyLabelClassifier, losses
from tfp_noise.schedules import WarmUp

STEP_DECAY = ([10, 20], [0.1, 0.01, 0.001])
FEATURES = np.random.default_rng(0).normal(size=(48, 6)).astype("float32")
LABELS = np.random.default_rng(1).integers(0, 3, 48)


def step_decay():
    return keras.optimizers.schedules.PiecewiseConstantDecay(*STEP_DECAY)


@pytest.mark.parametrize("steps", [1, 4, 15])
def test_follows_its_formula(steps):
    schedule = WarmUp(step_decay(), steps)
    for step in range(25):
        decayed = STEP_DECAY[1][int(np.searchsorted(STEP_DECAY[0], step, "left"))]  # Keras changes after a boundary
        assert float(schedule(step)) == pytest.approx(decayed * min(1, (step + 1) / steps), rel=1e-6)


def test_the_last_step_of_the_warm_up_has_the_whole_rate_and_no_step_none():
    schedule = WarmUp(step_decay(), 8)
    rates = [float(schedule(step)) for step in range(10)]
    assert rates[0] == pytest.approx(0.1 / 8)
    assert rates[7:] == pytest.approx([0.1] * 3)
    np.testing.assert_allclose(np.diff(rates[:8]), 0.1 / 8, rtol=1e-5)


def test_sgd_moves_by_the_sum_of_the_rates():
    """A gradient of one, plain SGD: the weight is minus the sum of the learning rates so far."""
    rates = [0.02, 0.04, 0.06, 0.08, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.01]
    weight, optimizer = keras.Variable(0.0), keras.optimizers.SGD(WarmUp(step_decay(), 5))
    for total in np.cumsum(rates):
        optimizer.apply([np.float32(1)], [weight])
        assert float(weight) == pytest.approx(-total, rel=1e-5)


def test_config_round_trip_through_json():
    schedule = WarmUp(keras.optimizers.schedules.CosineDecay(0.3, 40), 7)
    stored = json.loads(json.dumps(keras.optimizers.schedules.serialize(schedule)))
    assert stored["registered_name"] == "tfp_noise>WarmUp"
    again = keras.optimizers.schedules.deserialize(stored)
    assert isinstance(again, WarmUp)
    assert again.get_config() == schedule.get_config()
    for step in (0, 3, 6, 7, 30):
        assert float(again(step)) == float(schedule(step))


def test_made_from_names_and_numbers_as_experiments_say_it():
    plain = {"class_name": "PiecewiseConstantDecay", "config": {"boundaries": [10], "values": [0.1, 0.01]}}
    schedule = keras.optimizers.schedules.deserialize(
        {"class_name": "tfp_noise>WarmUp", "config": {"schedule": plain, "steps": 5}}
    )
    assert [float(schedule(step)) for step in (0, 4, 11)] == pytest.approx([0.02, 0.1, 0.01])


@pytest.mark.parametrize("jit_compile", [False, True])
@pytest.mark.daily("True")
def test_training_goes_on_after_save_and_load(jit_compile, tmp_path):
    def trained(epochs):
        keras.utils.set_random_seed(0)
        model = NoisyLabelClassifier(
            keras.Sequential([keras.Input([6]), keras.layers.Dense(3)]), losses.LabelSmoothing(3)
        )
        model.compile(keras.optimizers.SGD(WarmUp(step_decay(), 5), momentum=0.9), jit_compile=jit_compile)
        model.fit(FEATURES, LABELS, batch_size=16, epochs=epochs, shuffle=False, verbose=0)
        return model

    whole = trained(4)
    trained(1).save(tmp_path / "part.keras")  # three steps, within the warm-up
    part = keras.models.load_model(tmp_path / "part.keras")
    part.fit(FEATURES, LABELS, batch_size=16, epochs=3, shuffle=False, verbose=0)
    for expected, found in zip(whole.get_weights(), part.get_weights(), strict=True):
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize(
    ("schedule", "steps", "error", "message"),
    [
        (0.1, 5, TypeError, r"`schedule` must be a LearningRateSchedule. Received: 0.1. For a constant rate"),
        (step_decay(), 0, ValueError, r"`steps` must be at least 1. Received: 0"),
        (step_decay(), 2.5, TypeError, r"`steps` must be an integer. Received: 2.5"),
    ],
)
def test_refuses_wrong_arguments(schedule, steps, error, message):
    with pytest.raises(error, match=message):
        WarmUp(schedule, steps)
