"""Shifted Gaussian noise: the likelihood, its targets, and the averaged network that they move to."""

import keras
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp
from scipy import linalg, special, stats

from tests.helpers.loss_oracles import cross_entropy
from tests.losses.test_losses import value_and_gradient
from tfp_noise import DistilledClassifier, NoisyLabelClassifier, losses, pipeline

K = 4
RNG = np.random.default_rng(0)
FEATURES = RNG.normal(size=(24, 3)).astype("float32")
LABELS = RNG.integers(0, K, 24)
OUTPUTS = RNG.normal(size=(24, 2 * (K - 1)))
SOFT = RNG.dirichlet(np.full(K, 0.5), 24)


def classifier(regular=False, shape=(3,), eager=False, **settings):
    """A small network; a `regular` one has layers with random numbers, batch statistics and losses of their own."""
    keras.utils.set_random_seed(0)
    loss = losses.ShiftedGaussianNoise(K, **{"label_decay": 0.6, "average_decay": 0.8, **settings})
    more = [
        keras.layers.Dense(5, activity_regularizer="l2"),
        keras.layers.BatchNormalization(),
        keras.layers.Dropout(0.3, seed=1),
    ]
    layers = [keras.layers.Dense(loss.num_outputs, bias_initializer="random_normal")]
    network = keras.Sequential([keras.Input(shape), *(more if regular else []), *layers])
    model = NoisyLabelClassifier(network, loss)
    model.compile(keras.optimizers.SGD(0.05, momentum=0.9), jit_compile=False, run_eagerly=eager)
    return model


def fit(model, epochs, **kwargs):
    return model.fit(FEATURES, LABELS, batch_size=8, epochs=epochs, shuffle=False, verbose=0, **kwargs)


@pytest.mark.parametrize("num_classes", [2, 3, 100])
def test_log_ratios_and_logits_are_the_isometric_ones(num_classes):
    """With the authors' matrix, that of Helmert without its first row."""
    loss = losses.ShiftedGaussianNoise(num_classes, target_smoothing=0.01, dtype="float64")
    helmert = linalg.helmert(num_classes)
    soft = RNG.dirichlet(np.ones(num_classes), 5)
    expected = np.log(0.99 * soft + 0.01 / num_classes) @ helmert.T
    np.testing.assert_allclose(loss._log_ratios(tf.constant(soft)), expected, atol=1e-12)
    outputs = RNG.normal(size=(5, loss.num_outputs))
    expected = special.softmax(outputs[:, : num_classes - 1] @ helmert, axis=1)
    np.testing.assert_allclose(loss.probabilities(outputs), expected, rtol=1e-12)
    smoothed = loss.probabilities(np.pad(loss._log_ratios(tf.constant(soft)), [(0, 0), (0, num_classes - 1)]))
    np.testing.assert_allclose(smoothed, 0.99 * soft + 0.01 / num_classes, rtol=1e-10)


def test_without_a_shift_it_is_gaussian_regression():
    """TFP's normal distribution with the authors' arguments; nothing is kept between steps."""
    loss = losses.ShiftedGaussianNoise(K, label_decay=1.0, dtype="float64", reduction="sum")
    z = np.log(0.999 * SOFT + 0.001 / K) @ linalg.helmert(K).T
    loc, factor = np.split(OUTPUTS, 2, axis=1)
    diag = np.ones([24, K - 1])
    normal = tfp.distributions.MultivariateNormalDiagPlusLowRank(loc, diag, scale_perturb_factor=factor[..., None])
    expected = -normal.log_prob(z).numpy()
    np.testing.assert_allclose(loss.call(SOFT, OUTPUTS), expected, rtol=1e-10)
    assert loss.needs_classifier is loss.build_state() is None
    weights = np.linspace(0, 2, 24)
    assert float(loss.training_loss(None, None, SOFT, OUTPUTS, weights)) == pytest.approx(weights @ expected)


def test_for_two_classes_without_a_shift_it_is_the_logistic_normal_likelihood():
    """Up to constants: the log-ratio of two classes is the log-odds divided by the square root of 2."""
    ours = losses.ShiftedGaussianNoise(2, label_decay=1.0, target_smoothing=0.1, dtype="float64")
    other = losses.LogisticNormal(2, 2**-0.5, 1.0, 0.1, dummy_class=False, dtype="float64")
    labels = LABELS % 2
    (value, gradient), (expected, expected_gradient) = (
        value_and_gradient(loss, labels, OUTPUTS[:, :2]) for loss in (ours, other)
    )
    np.testing.assert_allclose(value - expected, (value - expected)[0], rtol=1e-9)
    np.testing.assert_allclose(gradient, expected_gradient, rtol=1e-9)
    np.testing.assert_allclose(ours.probabilities(OUTPUTS[:, :2]), other.probabilities(OUTPUTS[:, :2]), rtol=1e-9)


def numpy_value(kernel, bias, averages, x, labels, label_weight):
    """The mean loss of a linear network, its targets drawn to that with averaged weights."""
    s = 0.999 * np.eye(K)[labels] + 0.001 / K
    loc, factor = np.split(x @ kernel + bias, 2, axis=1)
    average, _ = np.split(x @ averages[0] + averages[1], 2, axis=1)
    targets = label_weight * np.log(s) @ linalg.helmert(K).T + (1 - label_weight) * average
    scales = np.eye(K - 1) + factor[:, :, None] * factor[:, None, :]
    rows = zip(targets, loc, scales @ scales, strict=True)
    return -np.mean([stats.multivariate_normal(m, cov).logpdf(z) for z, m, cov in rows])


def finite_difference(function, array):
    gradient = np.empty_like(array)
    for place in np.ndindex(array.shape):
        high, low = array.copy(), array.copy()
        high[place] += 1e-5
        low[place] -= 1e-5
        gradient[place] = (function(high) - function(low)) / 2e-5
    return gradient


def test_training_is_that_of_a_loop_in_numpy():
    """Three epochs of steps with momentum: the average, the decay of the label's weight, and the gradient."""
    model = classifier()
    kernel, bias = (weight.numpy().astype("float64") for weight in model.network.weights)
    averages, velocity, values = [kernel, bias], [0.0, 0.0], []
    for epoch in range(3):
        for start in range(0, 24, 8):
            x, labels = FEATURES[start : start + 8].astype("float64"), LABELS[start : start + 8]
            averages = [0.8 * old + 0.2 * new for old, new in zip(averages, (kernel, bias), strict=True)]
            fixed = (averages, x, labels, 0.6**epoch)
            values.append(numpy_value(kernel, bias, *fixed))
            of_kernel = finite_difference(lambda k, b=bias, fixed=fixed: numpy_value(k, b, *fixed), kernel)
            of_bias = finite_difference(lambda b, k=kernel, fixed=fixed: numpy_value(k, b, *fixed), bias)
            velocity = [0.9 * v - 0.05 * g for v, g in zip(velocity, (of_kernel, of_bias), strict=True)]
            kernel, bias = kernel + velocity[0], bias + velocity[1]
    history = fit(model, 3).history["loss"]
    np.testing.assert_allclose(history, np.reshape(values, [3, 3]).mean(1), rtol=1e-4)
    for found, expected in zip(model.network.weights, (kernel, bias), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4)
    for (_, found), expected in zip(model.loss_state.weights_and_averages(), averages, strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4)
    assert (int(model.loss_state.steps.value), int(model.loss_state.epochs.value)) == (9, 3)


def test_the_copy_leaves_the_network_as_it_is():
    """Its pass changes no batch statistics, random generators or losses of layers: the first epoch has no shift."""
    alone, shifted = (classifier(regular=True, eager=True, **more) for more in ({"label_decay": 1.0}, {}))
    for model in (alone, shifted):
        fit(model, 1)
    for ours, theirs in zip(shifted.network.variables, alone.network.variables, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6, err_msg=ours.path)
    before = [np.array(variable) for variable in shifted.variables]
    shifted.evaluate(FEATURES, LABELS, verbose=0)
    shifted.predict(FEATURES, verbose=0)
    for variable, value in zip(shifted.variables, before, strict=True):
        if "seed" not in variable.path and "loss" not in variable.path.split("/")[0]:
            np.testing.assert_array_equal(variable, value, err_msg=variable.path)


def test_targets_of_late_epochs_are_the_copys_outputs_in_training_mode():
    """Whatever the labels are; with `average_decay=0` the copy is the network, so that the residuals are 0."""
    model = classifier(regular=True, label_decay=0.5, average_decay=0.0)
    model.network.layers[2].rate = 0.0  # of dropout, of which the copy draws another mask
    model.loss_state.epochs.assign(60)
    y_pred = model(FEATURES, training=True)
    factor = np.asarray(y_pred, "float64")[:, K - 1 :]
    expected = np.mean(np.log1p(np.sum(factor**2, axis=1))) + (K - 1) / 2 * np.log(2 * np.pi)
    for labels in (LABELS, (LABELS + 1) % K, SOFT):
        assert float(model.data_loss(FEATURES, labels, y_pred, None, True)) == pytest.approx(expected, rel=1e-5)


@pytest.mark.thorough
def test_training_goes_on_bit_for_bit_from_a_file_and_from_a_backup(tmp_path):
    class Stop(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 2:
                self.model.save(tmp_path / "half.keras")
                raise KeyboardInterrupt

    whole, interrupted, restored = (classifier(regular=True, eager=True) for _ in range(3))
    fit(whole, 4)
    with pytest.raises(KeyboardInterrupt):
        fit(interrupted, 4, callbacks=[keras.callbacks.BackupAndRestore(tmp_path / "backup"), Stop()])
    loaded = keras.models.load_model(tmp_path / "half.keras")
    fit(loaded, 2)
    fit(restored, 4, callbacks=[keras.callbacks.BackupAndRestore(tmp_path / "backup")])
    for model in (loaded, restored):
        for ours, theirs in zip(model.variables, whole.variables, strict=True):
            np.testing.assert_array_equal(ours, theirs, err_msg=ours.path)
    assert any("average" in variable.path for variable in whole.variables)


def test_layers_may_be_frozen_and_unfrozen(tmp_path):
    model = classifier(regular=True)
    before = len(model.loss_state.weights)
    for layer in model.network.layers:
        layer.trainable = False
    model.save(tmp_path / "frozen.keras")
    assert len(keras.models.load_model(tmp_path / "frozen.keras").loss_state.weights) == before


@pytest.mark.thorough
def test_two_replicas_train_as_one_device(two_replicas):
    batches = pipeline.shard_batches(
        tf.data.Dataset.from_tensor_slices((FEATURES, LABELS)).batch(8, drop_remainder=True)
    )
    one = classifier()
    with two_replicas.scope():
        both = classifier()
    for model in (one, both):
        model.fit(batches, epochs=3, shuffle=False, verbose=0)
    for ours, theirs in zip(both.weights, one.weights, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-5, err_msg=ours.path)
    for weight in both.loss_state.weights:
        first, second = two_replicas.experimental_local_results(weight.value)
        np.testing.assert_array_equal(first, second, err_msg=weight.path)


@pytest.mark.parametrize("labels", [LABELS.reshape(4, 6), SOFT.reshape(4, 6, K), LABELS.reshape(4, 6, 1).astype(float)])
def test_positions_are_so_many_examples(labels):
    values = []
    for shape in [(24,), (4, 6)]:
        model = classifier(shape=(*shape[1:], 3))
        x, y = FEATURES.reshape(*shape, 3), labels.reshape(*shape, *labels.shape[2:])
        model.loss_state.epochs.assign(2)
        values.append(float(model.compute_loss(x, y, model(x, training=True))))
    assert values[0] == pytest.approx(values[1], rel=1e-6)


def test_examples_of_the_ignored_class_do_not_count():
    model = classifier(ignore_class=-1)
    model.loss_state.epochs.assign(2)
    some = np.where(np.arange(24) < 10, LABELS, -1)
    y_pred = model(FEATURES, training=True)
    found = model.compute_loss(FEATURES, some, y_pred)
    assert float(found) == pytest.approx(float(model.compute_loss(FEATURES[:10], LABELS[:10], y_pred[:10])), rel=1e-6)


def test_validation_reports_cross_entropy():
    model = classifier()
    logits = model.predict(FEATURES, verbose=0)
    expected = cross_entropy(np.eye(K)[LABELS], np.log(logits)).mean()
    assert model.evaluate(FEATURES, LABELS, verbose=0) == pytest.approx(expected, rel=1e-5)
    np.testing.assert_allclose(model.deployable().predict(FEATURES, verbose=0), logits, rtol=1e-5)


def test_a_student_learns_the_teachers_labels_with_the_shift():
    """Without labels the copy moves all the same; with labels their term has the shift."""
    teacher = NoisyLabelClassifier(keras.Sequential([keras.Input([3]), keras.layers.Dense(K)]), losses.CrossEntropy(K))
    for weight in (0.0, 0.5):
        model = classifier()
        student = DistilledClassifier(
            model.network, type(model.loss).from_config(model.loss.get_config()), teacher, 1.0, weight
        )
        student.compile("sgd", run_eagerly=True)
        fit(student, 2)
        assert int(student.loss_state.steps.value) == 6


def test_an_epoch_without_steps_is_refused():
    with pytest.raises(ValueError, match="`end_epoch` must follow training steps"):
        classifier().loss_state.end_epoch()
