"""Deployed and exported models, which work without this package."""

import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.helpers.losses_under_test import LOSSES_UNDER_TEST
from tests.helpers.small_classifier import FEATURES, LABELS, NAMES, fit, with_random_weights
from tfp_noise import NoisyLabelClassifier, losses


@pytest.fixture(params=NAMES)
def case(request):
    return LOSSES_UNDER_TEST[request.param]


@pytest.mark.daily("logistic_normal_no_dummy_rank2")
def test_deployable_is_a_plain_model_with_the_same_predictions(case):
    model = with_random_weights(case.build(3))
    plain = model.deployable()
    np.testing.assert_allclose(plain.predict(FEATURES, verbose=0), model.predict(FEATURES, verbose=0), atol=1e-6)
    dense = [layer for layer in plain.layers if isinstance(layer, keras.layers.Dense)]
    assert dense[-1].units == model.loss.num_prediction_outputs


def test_deployable_loads_where_this_package_is_not(tmp_path):
    np.save(tmp_path / "x.npy", FEATURES)
    for dummy_class in (True, False):
        model = with_random_weights(losses.LogisticNormal(3, dummy_class=dummy_class))
        model.deployable().save(tmp_path / f"{dummy_class}.keras")
        np.save(tmp_path / f"{dummy_class}.npy", model.predict(FEATURES, verbose=0))
    code = (
        "import sys, numpy as np, keras\n"
        "for name in ('True', 'False'):\n"
        "    p = keras.models.load_model(f'{name}.keras').predict(np.load('x.npy'), verbose=0)\n"
        "    np.testing.assert_allclose(p, np.load(f'{name}.npy'), atol=1e-6)\n"
        "assert not any(name.startswith('tfp_noise') for name in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=tmp_path, capture_output=True)


@pytest.mark.thorough
def test_deployable_of_other_networks():
    """A Functional network with another last layer, and a subclassed one, keep their width and their predictions."""

    class Subclassed(keras.Model):
        def __init__(self):
            super().__init__()
            self.dense = keras.layers.Dense(6)

        def call(self, x):
            return self.dense(x)

    inputs = keras.Input([6])
    functional = keras.Model(inputs, keras.layers.Rescaling(2.0)(keras.layers.Dense(6)(inputs)))
    for net in (functional, Subclassed()):
        model = NoisyLabelClassifier(net, losses.LogisticNormal(3))
        model.compile("adam", jit_compile=False)
        fit(model, 1)
        np.testing.assert_allclose(
            model.deployable().predict(FEATURES, verbose=0), model.predict(FEATURES, verbose=0), atol=1e-6
        )


@pytest.mark.parametrize("axes", [1, 2, 3])
@pytest.mark.daily("2")
def test_deployable_of_a_convolution_leaves_its_further_filters_out(axes):
    """LoRA's update is in the kernel that is kept; a convolution of two groups keeps its width."""
    convolution = getattr(keras.layers, f"Conv{axes}D")
    inputs, x = keras.Input([4] * axes + [2]), np.random.default_rng(0).normal(size=[2] + [4] * axes + [2])
    for further, kept in [({}, 3), ({"lora_rank": 1}, 3), ({"groups": 2}, 6)]:
        network = keras.Model(inputs, convolution(6, 3, padding="same", **further)(inputs))
        for variable in network.variables:
            variable.assign(keras.random.normal(variable.shape, seed=1))
        model = NoisyLabelClassifier(network, losses.LogisticNormal(3))
        plain = model.deployable()
        head = next(layer for layer in plain.layers if isinstance(layer, convolution))
        assert head.filters == kept
        np.testing.assert_allclose(plain.predict(x, verbose=0), model.predict(x, verbose=0), atol=1e-6)


@pytest.mark.parametrize(
    "end",
    [lambda x: keras.ops.flip(keras.layers.Dense(6)(x), -1), lambda x: (d := keras.layers.Dense(6))(x) + 0 * d(x)],
    ids=["an operation after it", "called twice"],
)
def test_deployable_keeps_a_dense_that_does_not_make_the_output_alone(end):
    inputs = keras.Input([6])
    model = NoisyLabelClassifier(keras.Model(inputs, end(inputs)), losses.LogisticNormal(3))
    plain = model.deployable()
    np.testing.assert_allclose(plain.predict(FEATURES, verbose=0), model.predict(FEATURES, verbose=0), atol=1e-6)


def test_deployable_of_a_subclassed_network_with_two_inputs():
    class TwoInputs(keras.Model):
        def __init__(self):
            super().__init__()
            self.dense = keras.layers.Dense(6)

        def call(self, inputs):
            return self.dense(inputs["a"]) + inputs["b"]

    model = NoisyLabelClassifier(TwoInputs(), losses.LogisticNormal(3))
    model.compile("adam", jit_compile=False)
    features = {"a": FEATURES, "b": FEATURES}
    model.fit(features, LABELS, verbose=0)
    plain = model.deployable()
    np.testing.assert_allclose(plain.predict(features, verbose=0), model.predict(features, verbose=0), atol=1e-6)


def test_export_serves_probabilities(tmp_path):
    model = with_random_weights(losses.LogisticNormal(3))
    model.export(tmp_path / "served", verbose=False)
    served = tf.saved_model.load(str(tmp_path / "served"))
    np.testing.assert_allclose(served.serve(FEATURES), model.predict(FEATURES, verbose=0), atol=1e-6)
