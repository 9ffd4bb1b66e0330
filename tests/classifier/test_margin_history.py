"""The area under the margin: sums over epochs, logits and probabilities alike, resuming, bad input."""

import keras
import numpy as np
import pytest

from tests.helpers.small_classifier import FEATURES, LABELS, classifier
from tfp_noise import NoisyLabelClassifier, callbacks, losses


class Logits(keras.callbacks.Callback):
    """Keeps a model's outputs for the same examples after each epoch."""

    def __init__(self, read):
        super().__init__()
        self.read, self.kept = read, []

    def on_epoch_end(self, epoch, logs=None):
        self.kept.append(self.read(self.model))


def margins(logits, labels):
    return np.array([row[y] - max(np.delete(row, y)) for row, y in zip(logits, labels, strict=True)])


@pytest.mark.parametrize("loss", [losses.GeneralizedCrossEntropy(3), losses.LogisticNormal(3)], ids=["gce", "ln"])
@pytest.mark.thorough
def test_margins_of_a_classifier_are_averaged_over_epochs(loss):
    def read(model):
        raw = model(FEATURES, training=False)
        return np.asarray(loss.logits(raw), "float64")

    model, history, logits = classifier(loss), callbacks.MarginHistory(FEATURES, LABELS, 10), Logits(read)
    model.fit(FEATURES, LABELS, batch_size=16, epochs=3, callbacks=[history, logits], verbose=0)
    expected = np.array([margins(one, LABELS) for one in logits.kept])
    np.testing.assert_allclose(history.area_under_margin, expected.mean(axis=0), atol=1e-4)
    np.testing.assert_allclose(history.margins, expected[-1], atol=1e-4)
    assert history.epochs == 3


@pytest.mark.parametrize("from_logits", [True, False])
def test_plain_models_give_the_same_margins_by_logits_and_by_probabilities(from_logits):
    keras.utils.set_random_seed(0)
    dense = keras.layers.Dense(3, activation=None if from_logits else "softmax")
    model = keras.Sequential([keras.Input([6]), dense])
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=from_logits), jit_compile=False)
    history = callbacks.MarginHistory(FEATURES, LABELS)
    model.fit(FEATURES, LABELS, epochs=1, callbacks=[history], verbose=0)
    kernel, bias = dense.get_weights()
    np.testing.assert_allclose(history.area_under_margin, margins(FEATURES @ kernel + bias, LABELS), atol=1e-4)


def test_wrong_labels_have_low_areas():
    features = np.repeat(np.eye(6, dtype="float32")[:3], 16, axis=0)
    labels = np.repeat([0, 1, 2], 16)
    labels[[3, 20]] = [1, 2]
    history = callbacks.MarginHistory(features, labels)
    model = keras.Sequential([keras.Input([6]), keras.layers.Dense(3)])
    model.compile(keras.optimizers.Adam(0.3), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    model.fit(features, labels, epochs=6, callbacks=[history], verbose=0)
    assert set(np.argsort(history.area_under_margin)[:2]) == {3, 20}


@pytest.mark.thorough
def test_resumed_training_goes_on_with_the_sums(tmp_path):
    def fit(epochs, *more):
        history = callbacks.MarginHistory(FEATURES, LABELS)
        model = classifier(losses.LabelSmoothing(3))
        seen = [history, *more]
        model.fit(FEATURES, LABELS, batch_size=16, epochs=epochs, shuffle=False, callbacks=seen, verbose=0)
        return history

    class Stop(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 2:
                raise KeyboardInterrupt

    whole = fit(4)
    with pytest.raises(KeyboardInterrupt):
        fit(4, callbacks.BackupAndRestore(tmp_path / "backup"), Stop())
    resumed = fit(4, callbacks.BackupAndRestore(tmp_path / "backup"))
    assert resumed.epochs == 4
    np.testing.assert_array_equal(resumed.area_under_margin, whole.area_under_margin)


def test_labels_at_each_position_have_margins_of_their_own():
    """A label of `ignore_class` has none; labels of other positions are refused before a step."""
    features, labels = FEATURES.reshape(12, 4, 6), LABELS.reshape(12, 4).copy()
    labels[3, 1:] = 255
    loss = losses.GeneralizedCrossEntropy(3, ignore_class=255)
    model = NoisyLabelClassifier(keras.Sequential([keras.Input([4, 6]), keras.layers.Dense(3)]), loss)
    model.compile("sgd", run_eagerly=True)
    history, logits = callbacks.MarginHistory(features, labels, 5), Logits(lambda model: np.asarray(model(features)))
    model.fit(features, labels, epochs=2, callbacks=[history, logits], verbose=0)
    known = labels != 255
    expected = np.mean([margins(one[known], labels[known]) for one in logits.kept], axis=0)
    assert history.area_under_margin.shape == (12, 4)
    np.testing.assert_allclose(history.area_under_margin[known], expected, atol=1e-4)
    assert np.isnan(history.area_under_margin[~known]).all()
    before = model.get_weights()
    with pytest.raises(ValueError, match=r"`labels` must have shape \[n, 4\], where the model predicts \[n, 4, 3\]"):
        model.fit(features, labels, callbacks=[callbacks.MarginHistory(features, labels[:, :3])], verbose=0)
    for one, other in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_bad_input_is_told():
    with pytest.raises(TypeError, match="`labels` must be integer class indices"):
        callbacks.MarginHistory(FEATURES, LABELS / 2)
    with pytest.raises(ValueError, match=r"`features` must hold 9 examples, one for each label\. Received: 48"):
        callbacks.MarginHistory(FEATURES, LABELS[:9])
    with pytest.raises(ValueError, match="`area_under_margin` must follow an epoch of training"):
        _ = callbacks.MarginHistory(FEATURES, LABELS).area_under_margin
    with pytest.raises(ValueError, match=r"`state` must be of labels of shape \(48,\). Received: \(3,\)\."):
        callbacks.MarginHistory(FEATURES, LABELS).set_state({"epochs": 1, "sums": np.zeros(3)})
    model = classifier(losses.LabelSmoothing(3))
    with pytest.raises(ValueError, match=r"`labels` must lie in \[0, 3\)"):
        model.fit(FEATURES, LABELS, callbacks=[callbacks.MarginHistory(FEATURES, LABELS + 1)], verbose=0)
    plain = keras.Sequential([keras.Input([6]), keras.layers.Dense(3)])
    plain.compile("sgd", "mse")
    with pytest.raises(ValueError, match="The model of `fit` must have a loss that says whether outputs are logits"):
        plain.fit(FEATURES, np.eye(3)[LABELS], callbacks=[callbacks.MarginHistory(FEATURES, LABELS)], verbose=0)
