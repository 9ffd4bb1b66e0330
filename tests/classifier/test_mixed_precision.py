"""Networks that compute in 16 bits: values, state and training of the losses are those of float32."""

import dataclasses

import keras
import numpy as np
import pytest
import tensorflow as tf

from experiments import papers
from experiments.experiment import DTYPE_POLICIES
from tests.classifier.test_compiled_steps import BATCH, BUILDS, batches, classifier
from tests.helpers.losses_under_test import DAILY, LOSSES_UNDER_TEST, examples, names_of_every_setting, with_ids


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
@pytest.mark.parametrize("case", LOSSES_UNDER_TEST.values(), ids=LOSSES_UNDER_TEST.keys())
@pytest.mark.daily(*(f"{name}-{dtype}" for name in DAILY for dtype in ("bfloat16", "float16")))
def test_a_loss_loses_nothing_but_what_its_inputs_have_lost(case, dtype):
    """The float64 oracle receives the outputs after they were rounded by the network."""
    loss = case.build(10)
    labels, soft, outputs = examples(loss, batch=16)
    narrow = tf.cast(outputs, dtype)
    rounded = tf.cast(narrow, "float64").numpy()
    for y_true, targets in [(labels, np.eye(10)[labels]), (soft, soft)]:
        with tf.GradientTape() as tape:
            tape.watch(narrow)
            value = loss.call(with_ids(loss, y_true), narrow)
        expected = case.oracle(targets, rounded)
        np.testing.assert_allclose(value, expected, rtol=1e-5, atol=1e-5 * np.abs(expected).max())
        assert value.dtype == "float32"
        assert tape.gradient(value, narrow).dtype == dtype


def under(policy, build):
    """Result of `build()` while `policy` is the global dtype policy."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        return build()
    finally:
        keras.config.set_dtype_policy(before)


def updates(model):
    """Change of each trained variable after a few steps."""
    start = [variable.numpy() for variable in model.trainable_variables]
    for i, (x, y, _) in enumerate(batches(2)):
        logs = model.train_step((x, with_ids(model.loss, y, first=i * BATCH)))
        assert np.isfinite(logs["loss"])
    return [variable.numpy() - value for variable, value in zip(model.trainable_variables, start, strict=True)]


@pytest.mark.parametrize(
    "name", names_of_every_setting({"heteroscedastic", "learnable_rate", "logistic_normal", "online_top"}, BUILDS)
)
@pytest.mark.daily("logistic_normal")
def test_training_is_that_of_float32_up_to_rounding(name):
    """Variables of the loss are included; the significands have 8 and 11 bits."""
    wide = updates(under("float32", lambda: classifier(BUILDS[name]())))
    for policy, rounding in {"mixed_bfloat16": 2.0**-8, "mixed_float16": 2.0**-11}.items():
        model = under(policy, lambda: classifier(BUILDS[name]()))
        assert model.network.compute_dtype == policy.removeprefix("mixed_")
        if (
            policy == "mixed_float16"
        ):  # at Keras's initial 2^15, the first steps of some losses overflow and only halve it
            model.build_optimizer()
            model.optimizer.dynamic_scale.assign(1.0)
        for ours, theirs in zip(updates(model), wide, strict=True):
            assert np.linalg.norm(ours - theirs) < 4 * rounding * np.linalg.norm(theirs)
        assert {weight.dtype for weight in model.weights} <= {"float32", "int64"}


def test_the_loss_is_scaled_once_for_the_optimizer_of_its_own_state_too():
    model = under("mixed_float16", lambda: classifier(BUILDS["learnable_rate"]()))
    assert isinstance(model.optimizer, keras.optimizers.LossScaleOptimizer)
    both = model.optimizer.inner_optimizer
    assert isinstance(both, keras.optimizers.MultiOptimizer)
    assert [type(one) for one in both.optimizers] == [keras.optimizers.SGD] * 2
    assert [one.loss_scale_factor for one in both.optimizers] == [None, None]


def test_a_step_whose_scaled_gradients_pass_the_range_changes_nothing_but_the_scale():
    model = under("mixed_float16", lambda: classifier(BUILDS["learnable_rate"]()))
    model.build_optimizer()
    model.optimizer.dynamic_scale.assign(2.0**30)
    assert not any(np.any(update) for update in updates(model))
    assert float(model.optimizer.dynamic_scale.value) == 2.0**28


def test_an_experiment_says_the_policy_of_its_network():
    plain = papers.find("precision/float32/symmetric40/LN")
    for policy in DTYPE_POLICIES:
        experiment = dataclasses.replace(plain, dtype_policy=policy)
        assert experiment.build_network((8, 8, 1), 20).dtype_policy.name == policy
        assert experiment.settings().get("dtype_policy", "float32") == policy
    assert keras.config.dtype_policy().name == "float32"
    with pytest.raises(ValueError, match="`input_shape` of 'digits_cnn' must be"):
        dataclasses.replace(plain, dtype_policy="mixed_float16").build_network((8, 8), 20)
    assert keras.config.dtype_policy().name == "float32"
    assert "dtype_policy" not in plain.settings()  # like results from before the argument existed
    with pytest.raises(ValueError, match=r"Unknown dtype_policy: 'bfloat16'\. Did you mean 'mixed_bfloat16'"):
        dataclasses.replace(plain, dtype_policy="bfloat16")
