"""Classifiers of several labels an example refuse what does not fit, with cures."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.helpers.several_labels import FEATURES, LABELS, MARKED, PLAIN, WEIGHTS, L, classifier, network, trained
from tfp_noise import DistilledClassifier, NoisyLabelClassifier, attacks, callbacks, cross_predict, losses, metrics
from tfp_noise.visualization import loss_by_margin


@pytest.mark.parametrize(
    ("metric", "message"),
    [
        ("binary_crossentropy", "a value for each label to leave out positions under a mask of Keras.* a mean over"),
        (keras.metrics.AUC(multi_label=True), "leave out positions under a mask of Keras, which AUC cannot"),
    ],
)
def test_metrics_that_cannot_leave_positions_out_are_refused(metric, message):
    """Before they are updated, which would fail deep inside of them."""
    layers = [keras.Input([2, 4]), keras.layers.Masking(), keras.layers.Dense(L)]
    model = NoisyLabelClassifier(keras.Sequential(layers), PLAIN(L))
    model.compile("sgd", metrics=[metric], jit_compile=False)
    with pytest.raises(ValueError, match=f"`metrics` must (have )?{message}"):
        model.evaluate(np.stack([FEATURES, 0 * FEATURES], axis=1), np.stack([LABELS] * 2, axis=1), verbose=0)


@pytest.mark.parametrize(
    ("labels", "arguments", "error", "message"),
    [
        (LABELS[:, 0], {}, ValueError, r"`y` must be numbers in \[0, 1\] of shape \[n, 3\].*class indices, one of"),
        (LABELS[:, :2], {}, ValueError, r"`y` must be numbers in .*Received shape \(32, 2\)"),
        (2 * LABELS, {}, ValueError, r"`y` must lie in \[0, 1\].*Received: 2 at position \(\d+, \d\)"),
        (2 * LABELS - 1, {}, ValueError, r"Received: -1 at position .*pass `\(labels \+ 1\) / 2`"),
        (MARKED, {}, ValueError, r"Received: -1 at position .*give MultiLabel `ignore_class=-1`"),
        (np.where(LABELS, np.nan, 0.0), {}, ValueError, "Received: nan at position .*labels that nobody knows"),
        (np.where(LABELS, "yes", "no"), {}, TypeError, "`y` must hold numbers .*MultiLabelBinarizer"),
        (LABELS, {"sample_weight": np.ones([32, 2])}, ValueError, "`sample_weight` must be .*a weight for each label"),
        (LABELS, {"class_weight": {0: 2.0}}, ValueError, "`class_weight` must be left out for several labels"),
    ],
)
def test_what_does_not_fit_is_refused_before_a_step(labels, arguments, error, message):
    model = classifier(PLAIN(L))
    before = model.get_weights()
    with pytest.raises(error, match=message):
        model.fit(FEATURES, labels, verbose=0, **arguments)
    for one, other in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    ("labels", "error", "message"),
    [
        (LABELS[:, 0], ValueError, r"`y` must be numbers in .*a dataset with labels of shape \(None,\)"),
        (np.where(LABELS, "yes", "no"), TypeError, "`y` must hold numbers .*StringLookup"),
        (2 * LABELS, tf.errors.InvalidArgumentError, r"`y` must lie in \[0, 1\]"),
    ],
)
def test_a_dataset_is_checked_for_several_labels(labels, error, message):
    data, model = tf.data.Dataset.from_tensor_slices((FEATURES, labels)), classifier(PLAIN(L), run_eagerly=True)
    with pytest.raises(error, match=message):
        model.fit(data.batch(8), shuffle=False, verbose=0)


def test_several_labels_are_refused_by_a_loss_of_one_class():
    one_class = classifier(losses.CrossEntropy(L))
    for labels in (LABELS, LABELS[:, :2]):
        with pytest.raises(ValueError, match=r"`y` must be .*`losses.MultiLabel\(loss, num_labels\)`"):
            one_class.fit(FEATURES, labels, verbose=0)
    with pytest.raises(ValueError, match=r"3 outputs, which MultiLabel reads for 3 labels. Received: a network with 2"):
        NoisyLabelClassifier(network(2), PLAIN(L))


def test_metrics_that_cannot_read_several_labels_are_refused():
    with pytest.raises(ValueError, match="`metrics` must read several labels an example"):
        classifier(PLAIN(L), metrics=[metrics.ExpectedCalibrationError()])
    for mean in ("mse", keras.metrics.BinaryCrossentropy(), keras.losses.binary_crossentropy):
        assert len(trained(classifier(PLAIN(L), metrics=[mean]))) == 3
        with pytest.raises(ValueError, match=r"`metrics` must have a value for each label.* a mean over the labels"):
            classifier(PLAIN(L, ignore_class=-1), metrics=[mean])
    model = classifier(PLAIN(L, ignore_class=-1), metrics=[keras.metrics.AUC(multi_label=True)])
    with pytest.raises(ValueError, match="`metrics` must leave out examples of `ignore_class`, which AUC cannot"):
        trained(model, y=MARKED)


@pytest.mark.parametrize("name", [name for name in dir(keras.metrics) if "categorical" in name.lower()])
def test_metrics_of_one_class_of_several_are_refused_at_compile(name):
    metric = getattr(keras.metrics, name)
    names = [name] if name != "categorical_focal_crossentropy" else []  # Keras does not know it by its name
    for spelled in (*names, metric() if isinstance(metric, type) else metric):
        with pytest.raises(ValueError, match=r"`metrics` must read several labels an example, which \w+ cannot.*Take"):
            classifier(PLAIN(L), metrics=[spelled])


@pytest.mark.parametrize(
    "call",
    [
        lambda model: DistilledClassifier(network(L), model.loss, network(L)),
        lambda model: DistilledClassifier(network(L), losses.CrossEntropy(L), model),
        lambda model: cross_predict(lambda: model, FEATURES, LABELS[:, 0], epochs=1, folds=2),
        lambda model: attacks.fast_gradient_sign(model, np.abs(FEATURES) / 4, LABELS[:, 0], epsilon=0.1),
        lambda model: model.fit(
            FEATURES, LABELS, verbose=0, callbacks=[callbacks.MarginHistory(FEATURES, LABELS[:, 0])]
        ),
        lambda model: loss_by_margin({"a": losses.MultiLabel(losses.CrossEntropy(2), 2)}),
    ],
)
def test_what_needs_one_class_an_example_refuses_several_labels(call):
    with pytest.raises(
        ValueError, match=r"must have a loss for one class of several.* a MultiLabel for \d labels.*np.stack"
    ):
        call(classifier(PLAIN(L)))


def test_weights_of_another_rank_are_refused_in_words():
    """Keras then traces the step for weights of any rank."""
    model = classifier(PLAIN(L))
    trained(model, sample_weight=WEIGHTS)
    with pytest.raises(ValueError, match="`sample_weight` must have a rank that is known"):
        trained(model, sample_weight=WEIGHTS[:, 0])
    model.compile("sgd")
    trained(model, sample_weight=WEIGHTS[:, 0])


@pytest.mark.parametrize(
    ("labels", "error", "message"),
    [
        (np.where(LABELS[:, 0], "yes", "no"), TypeError, r"`\(labels == name_of_present\).astype\(int\)`"),
        (np.eye(2)[LABELS[:, 0]], ValueError, r"Received shape \(32, 2\). With one label, pass 0 or 1"),
        (LABELS[:, 0] + 1, ValueError, "Received: 2 at .*With one label, pass 0 or 1"),
    ],
)
def test_one_label_has_cures_of_its_own(labels, error, message):
    with pytest.raises(error, match=message):
        classifier(PLAIN(1)).fit(FEATURES, labels, verbose=0)


def test_one_output_beside_two_classes_is_told_of_one_label():
    with pytest.raises(ValueError, match=r"Received: a network with 1\..*`losses.MultiLabel\(loss, num_labels=1\)`"):
        NoisyLabelClassifier(network(1), losses.CrossEntropy(2))


@pytest.mark.parametrize(
    ("loss", "wrong"), [(losses.CrossEntropy(L, ignore_class=-1), 7), (PLAIN(L, ignore_class=-1), 2)]
)
@pytest.mark.daily("loss1-2")
def test_a_dataset_with_ignored_labels_shows_the_wrong_ones(loss, wrong):
    labels = np.full(32 if wrong == 7 else [32, L], -1)
    labels[5] = wrong
    data = tf.data.Dataset.from_tensor_slices((FEATURES, labels)).batch(32)
    with pytest.raises(tf.errors.InvalidArgumentError, match=rf"Received:\] \[{wrong}"):
        classifier(loss).fit(data, verbose=0, shuffle=False)
