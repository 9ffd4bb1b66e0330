"""Losses under JAX and PyTorch: TensorFlow's values and gradients, training in a plain Keras model, refusals.

`make backends` runs this file with the environment variable KERAS_BACKEND.
"""

import os
import subprocess
import sys

import keras
import numpy as np
import pytest
from keras import ops

from tests.helpers.losses_under_test import DAILY, LOSSES_UNDER_TEST
from tests.helpers.values_of_losses import fix_the_noise, values_of
from tfp_noise import (
    CoTeaching,
    DepthDistillation,
    DistilledClassifier,
    DistortionDistillation,
    DynamicBootstrap,
    LearningToReweight,
    MetaWeightNet,
    NoisyLabelClassifier,
    PrototypeCorrection,
    attacks,
    datasets,
    distribute,
    distributions,
    losses,
    pipeline,
)

BACKEND = keras.backend.backend()
# Settings that teach the labels, in place of random ones.
MATRIX = 0.7 * np.eye(3) + 0.1
LEARNABLE = {
    "smearing": lambda: losses.LabelSmearing(3, MATRIX),
    "bounded_forward": lambda: losses.BoundedForwardCorrection(3, MATRIX),
}
pytestmark = pytest.mark.skipif(BACKEND == "tensorflow", reason="`make backends` sets KERAS_BACKEND")


@pytest.fixture(scope="module")
def of_tensorflow(tmp_path_factory):
    file = tmp_path_factory.mktemp("values") / "values.npz"
    command = [sys.executable, "-m", "tests.helpers.values_of_losses", str(file)]
    subprocess.run(command, env={**os.environ, "KERAS_BACKEND": "tensorflow"}, check=True)
    return np.load(file)


@pytest.mark.parametrize("name", LOSSES_UNDER_TEST)
def test_values_and_gradients_are_those_of_tensorflow(name, of_tensorflow, monkeypatch, record_property):
    fix_the_noise(monkeypatch.setattr)
    found = values_of(name)
    expected = {what: of_tensorflow[f"{name}: {what}"] for what in found}
    for what, array in found.items():
        assert array.dtype == "float32"
        np.testing.assert_allclose(array, expected[what], rtol=1e-5, atol=1e-5 * np.abs(expected[what]).max())
    gap = max(np.abs(found[what] - expected[what]).max() / np.abs(expected[what]).max() for what in found)
    record_property("largest difference", float(gap))


def blobs(num_classes=3):
    """Points around the corners of a triangle; a tenth of the given labels is wrong."""
    rng = np.random.default_rng(0)
    true = np.arange(240) % num_classes
    points = 3 * np.eye(num_classes)[true] + rng.normal(size=(240, num_classes))
    given = np.where(np.arange(240) % 10 == 7, (true + 1) % num_classes, true)
    return points.astype("float32"), given, true


def fresh(loss):
    """The same loss with a seed generator of its own, in place of the one that repeats itself."""
    return type(loss).from_config(loss.get_config())


def plain_model(loss):
    keras.utils.set_random_seed(0)
    network = keras.Sequential([keras.Input([3]), keras.layers.Dense(loss.num_outputs, kernel_initializer="zeros")])
    network.compile(keras.optimizers.Adam(0.05), loss=loss)
    return network


@pytest.mark.parametrize("name", sorted(DAILY))
def test_trains_in_a_plain_model_that_can_be_saved(name, tmp_path):
    points, given, true = blobs()
    loss = LEARNABLE[name]() if name in LEARNABLE else fresh(LOSSES_UNDER_TEST[name].build(3))
    model = plain_model(loss)

    def accuracy(model):
        probabilities = ops.convert_to_numpy(loss.probabilities(model.predict(points, verbose=0)))
        return (probabilities.argmax(1) == true).mean()

    assert accuracy(model) < 0.5
    history = model.fit(points, given, batch_size=60, epochs=12, verbose=0).history["loss"]
    assert np.isfinite(history).all()
    assert accuracy(model) > 0.85
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert type(loaded.loss) is type(loss)
    assert loaded.loss.get_config() == loss.get_config()
    np.testing.assert_array_equal(loaded.predict(points, verbose=0), model.predict(points, verbose=0))
    assert np.isfinite(loaded.fit(points, given, verbose=0).history["loss"]).all()


@pytest.mark.parametrize("several", [False, True])
def test_weights_of_examples_count_beside_labels_that_do_not(several):
    """The mean of the weighted losses over the labels that are known; Keras multiplies weights and masks in place."""
    rng = np.random.default_rng(0)
    logits, weights = rng.normal(size=[4, 5, 3]).astype("float32"), rng.uniform(size=4).astype("float32")
    labels = rng.integers(-1, 2 if several else 3, [4, 5, 3] if several else [4, 5])
    if several:
        loss = losses.MultiLabel(losses.CrossEntropy(2), 3, ignore_class=-1)
        found = np.logaddexp(0, np.where(labels == 1, -logits, logits)) * weights[:, None, None]
    else:
        loss = losses.CrossEntropy(3, ignore_class=-1)
        log_p = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
        found = -np.take_along_axis(log_p, np.maximum(labels, 0)[..., None], -1)[..., 0] * weights[:, None]
    value = loss(labels, ops.convert_to_tensor(logits), weights)
    np.testing.assert_allclose(float(value), found[labels >= 0].mean(), rtol=1e-5)


def test_every_step_draws_other_numbers():
    """With a learning rate so small that only the noise can move the loss."""
    points, given, _ = blobs()
    model = plain_model(losses.NoiseAgainstNoise(3, sigma=10.0))
    model.compile(keras.optimizers.SGD(1e-9), loss=model.loss)
    steps = model.fit(points, given, batch_size=240, epochs=4, verbose=0).history["loss"]
    assert len(np.unique(np.round(steps, 3))) == 4


def test_ignored_examples_do_not_count():
    points, given, _ = blobs()
    loss, outputs = losses.CrossEntropy(3, ignore_class=-1), points
    some = np.where(np.arange(240) < 100, given, -1)
    np.testing.assert_allclose(loss(some, outputs), losses.CrossEntropy(3)(given[:100], outputs[:100]), rtol=1e-6)


def network():
    return keras.Sequential([keras.Input([2]), keras.layers.Dense(2)])


DECAY = keras.optimizers.schedules.ExponentialDecay(1.0, 10, 0.5)
REFUSED = {
    "OnlineLabelSmoothing": lambda: losses.OnlineLabelSmoothing(2),
    "ShiftedGaussianNoise": lambda: losses.ShiftedGaussianNoise(2),
    "LearnableLabelSmoothing": lambda: losses.LearnableLabelSmoothing(2),
    "EarlyLearning": lambda: losses.EarlyLearning(2, 10),
    "PENCIL": lambda: losses.PENCIL(2, 10),
    "LogisticNormal": lambda: losses.LogisticNormal(2, min_scale=DECAY),
    "NoisyLabelClassifier": lambda: NoisyLabelClassifier(network(), losses.CrossEntropy(2)),
    "CoTeaching": lambda: CoTeaching(network(), losses.CrossEntropy(2), network(), 0.4, 4),
    "LearningToReweight": lambda: LearningToReweight(network(), losses.CrossEntropy(2), (np.eye(2), np.arange(2))),
    "MetaWeightNet": lambda: MetaWeightNet(network(), losses.CrossEntropy(2), (np.eye(2), np.arange(2))),
    "DistilledClassifier": lambda: DistilledClassifier(network(), losses.CrossEntropy(2), network()),
    "DepthDistillation": lambda: DepthDistillation(
        keras.Sequential([keras.Input([2]), keras.layers.Dense(2, name="early"), keras.layers.Dense(2)]),
        losses.CrossEntropy(2),
        ["early"],
    ),
    "DistortionDistillation": lambda: DistortionDistillation(
        network(), losses.CrossEntropy(2), keras.layers.Dropout(0.1)
    ),
    "DynamicBootstrap": lambda: DynamicBootstrap(network(), losses.CrossEntropy(2), warm_up=1),
    "PrototypeCorrection": lambda: PrototypeCorrection(network(), losses.CrossEntropy(2), warm_up=1),
    "strategy": lambda: distribute.strategy("default"),
    "batches": lambda: pipeline.batches(datasets.load("two_moons"), 8),
    "one_pass": lambda: pipeline.one_pass(datasets.load("two_moons").test, 8),
    "stream": lambda: pipeline.stream(None, np.eye(2), 8),
    "attacks": lambda: attacks.fast_gradient_sign(network(), np.zeros([1, 2], "float32"), np.zeros(1, int), 0.1),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_needs_tensorflow_is_refused_where_it_is_made(name):
    with pytest.raises(RuntimeError, match=f"`{name}` needs the TensorFlow.*Received: the backend '{BACKEND}'"):
        REFUSED[name]()


def test_the_distribution_is_refused_where_it_is_made():
    with pytest.raises(RuntimeError, match=f"`LogisticNormal` needs the TensorFlow.*Received: the backend '{BACKEND}'"):
        distributions.LogisticNormal(loc=[0.0])


def test_float64_that_the_backend_does_not_have_is_refused():
    with pytest.raises(ValueError, match=r"`dtype` must be float32.* Received: float64"):
        losses.CrossEntropy(3, dtype="float64")


IN_64_BITS = """
import keras
import numpy as np
from tests.helpers.losses_under_test import LOSSES_UNDER_TEST, examples

case = LOSSES_UNDER_TEST["logistic_normal"]
loss = case.build(10, dtype="float64")
_, soft, outputs = examples(loss)
np.testing.assert_allclose(loss.call(soft, outputs), case.oracle(soft, outputs), rtol=1e-9)
"""


@pytest.mark.skipif(BACKEND != "jax", reason="only JAX has float64 where it is switched on")
def test_float64_that_is_switched_on_equals_the_oracle():
    subprocess.run([sys.executable, "-c", IN_64_BITS], env={**os.environ, "JAX_ENABLE_X64": "1"}, check=True)
