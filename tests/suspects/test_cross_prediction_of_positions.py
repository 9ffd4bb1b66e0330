"""Predictions out of sample of models with a label at each position: folds of whole examples, what is left out."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfp_noise import NoisyLabelClassifier, cross_predict, losses

N, SIZES, K = 12, (2, 3), 3
RNG = np.random.default_rng(0)
LABELS = RNG.integers(0, K, [N, *SIZES])
LABELS[LABELS == 2] = 1
LABELS[5, 1, 2] = 2  # a class that one example alone shows
MARKED = np.where(RNG.uniform(size=LABELS.shape) < 0.3, 255, LABELS)
MARKED[5, 1, 2] = 2
IDS = np.broadcast_to(np.arange(N, dtype="float32")[:, None, None, None], [N, *SIZES, 1]).copy()
FEATURES = (np.eye(K)[LABELS] + RNG.normal(size=[N, *SIZES, K])).astype("float32")


class Watched(keras.Model):
    """Stands for a model: keeps what it is trained on, and predicts the id of each example as class 1's probability."""

    def __init__(self, seen):
        super().__init__()
        self.keep = seen.append
        self.compile("sgd", keras.losses.SparseCategoricalCrossentropy(ignore_class=255))

    def fit(self, x, y=None, **kwargs):
        del kwargs
        batches = [(x, y)] if y is not None else list(x.as_numpy_iterator())
        self.keep([np.concatenate(parts) for parts in zip(*batches, strict=True)])

    def predict(self, x, **kwargs):
        del kwargs
        x = x if isinstance(x, np.ndarray) else np.concatenate([one for (one,) in x.as_numpy_iterator()])
        ones = x.astype("float64") / N
        return np.concatenate([1 - ones, ones, 0 * ones], axis=-1)


def stream(*parts):
    return tf.data.Dataset.from_tensor_slices(parts)


GIVEN = {
    "arrays": (IDS, MARKED),
    "dataset": (stream(IDS, MARKED), None),
    "dataset and labels": (stream(IDS), MARKED),
}


@pytest.mark.parametrize("way", GIVEN)
def test_whole_examples_are_divided_whatever_classes_they_have(way):
    seen = []
    settings = {"epochs": 1, "folds": 4, "seed": 1, "batch_size": 2}
    result = cross_predict(lambda: Watched(seen), *GIVEN[way], **settings)
    np.testing.assert_allclose(result[..., 1], IDS[..., 0] / N, rtol=1e-6)  # in the order of the examples
    assert result.dtype == np.float32
    left_out = []
    for x, y in seen:
        ids = x[:, 0, 0, 0].astype(int)
        np.testing.assert_array_equal(y, MARKED[ids])  # those of `ignore_class` too, which the loss leaves out
        left_out.append(sorted(set(range(N)) - set(ids)))
        assert len(ids) == len(set(ids)) == N - N // 4
    assert sorted(np.concatenate(left_out)) == list(range(N))
    assert sorted(left_out) != [list(range(start, start + 3)) for start in range(0, N, 3)]


def network(units, activation=None):
    return keras.Sequential([keras.Input([*SIZES, K]), keras.layers.Dense(units, activation=activation)])


def plain(loss, units=K, activation=None):
    def built():
        model = network(units, activation)
        model.compile(keras.optimizers.SGD(0.5), loss, run_eagerly=True)
        return model

    return built


def classifier(loss=losses.GeneralizedCrossEntropy, **settings):
    def built():
        made = loss(K, **settings)
        model = NoisyLabelClassifier(network(made.num_outputs), made)
        model.compile(keras.optimizers.SGD(0.5), run_eagerly=True)
        return model

    return built


def softmax(logits):
    return np.exp(logits) / np.exp(logits).sum(axis=-1, keepdims=True)


def of_two(ones):
    return np.concatenate([1 - ones, ones], axis=-1)


SPARSE = keras.losses.SparseCategoricalCrossentropy
OUTPUTS = {
    "logits": (plain(SPARSE(from_logits=True, ignore_class=255)), MARKED, softmax),
    "one-hot labels": (plain("categorical_crossentropy", activation="softmax"), LABELS, np.asarray),
    "one output": (plain("binary_crossentropy", 1, "sigmoid"), np.minimum(LABELS, 1), of_two),
    "a classifier": (classifier(ignore_class=255), MARKED, np.asarray),
    "a classifier with more outputs": (classifier(losses.LogisticNormal), LABELS, np.asarray),
}


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("way", OUTPUTS)
@pytest.mark.daily("logits-False", "one output-True", "a classifier with more outputs-False")
def test_outputs_are_read_as_the_loss_declares_them(way, streamed):
    make, labels, of_outputs = OUTPUTS[way]
    kept = []
    given = (stream(FEATURES, labels), None) if streamed else (FEATURES, labels)
    result = cross_predict(lambda: kept.append(make()) or kept[-1], *given, epochs=1, folds=2, verbose=0)
    np.testing.assert_allclose(result.sum(axis=-1), 1, atol=1e-6)
    by_model = np.array([of_outputs(model.predict(FEATURES, verbose=0)) for model in kept[1:]])
    gaps = np.abs(by_model - result).max(axis=(2, 3, 4))  # [2, N]
    assert gaps.min(axis=0).max() < 1e-5
    assert np.bincount(gaps.argmin(axis=0)).tolist() == [N // 2, N // 2]
    assert gaps.max(axis=0).min() > 1e-4


def test_finished_folds_are_taken_from_the_folder(tmp_path):
    settings = {"epochs": 1, "folds": 2, "verbose": 0, "workdir": tmp_path}
    whole = cross_predict(classifier(), FEATURES, LABELS, **settings)
    (tmp_path / "fold_1.npz").unlink()
    np.testing.assert_array_equal(cross_predict(classifier(), FEATURES, LABELS, **settings), whole)
    with pytest.raises(ValueError, match=r"other arguments\. `labels`: stored"):
        cross_predict(classifier(), FEATURES, LABELS[::-1], **settings)


SHAPE = r"`labels` must have shape \[n, 2, 3\], where the model predicts \[n, 2, 3, 3\]. Received shape "
BAD = {
    "one label an example": (plain(SPARSE(from_logits=True)), LABELS[:, 0, 0], ValueError, SHAPE + r"\(12,\)"),
    "other positions": (classifier(), LABELS[:, :, :2], ValueError, SHAPE + r"\(12, 2, 2\)"),
    "a last axis": (classifier(), LABELS[..., None], ValueError, SHAPE + r"\(12, 2, 3, 1\)\. Pass `labels\[\.+, 0"),
    "one-hot labels": (classifier(), np.eye(K, dtype=int)[LABELS], ValueError, SHAPE + r"\(12, 2, 3, 3\)"),
    "a number that is no class": (classifier(), MARKED, ValueError, r"Received: 255 at .*`ignore_class=255`"),
    "one known class": (
        classifier(ignore_class=255),
        np.where(MARKED == 1, 255, 0 * MARKED),
        ValueError,
        "`labels` must be of at least two classes. Received: class 0 only",
    ),
    "nothing known": (classifier(ignore_class=255), 0 * MARKED + 255, ValueError, "two classes. Received: none"),
    "no integers": (classifier(), LABELS / 2, TypeError, "`labels` must be integer class indices"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_labels_are_told_before_a_training(name, monkeypatch):
    monkeypatch.setattr(keras.Model, "fit", None)
    make, labels, error, message = BAD[name]
    with pytest.raises(error, match=message):
        cross_predict(make, FEATURES, labels, epochs=1, folds=2, verbose=0)


def test_more_folds_than_examples_and_batches_are_told():
    with pytest.raises(ValueError, match=r"`labels` must be of at least `folds` = 13 examples\. Received: 12"):
        cross_predict(classifier(), FEATURES, LABELS, epochs=1, folds=13)
    batches = stream(FEATURES, LABELS).batch(4)
    with pytest.raises(ValueError, match=r"shape \(None, 2, 3\)\..*dataset.unbatch.*`tf.ensure_shape"):
        cross_predict(classifier(), batches, epochs=1)


def test_examples_without_a_label_are_predicted_too():
    """One label an example: those of `ignore_class` are divided like a class of their own."""
    labels = np.where(np.arange(N) % 3 == 0, -1, np.arange(N) % 2)

    def make():
        model = NoisyLabelClassifier(
            keras.Sequential([keras.Input([K]), keras.layers.Dense(2)]), losses.CrossEntropy(2, ignore_class=-1)
        )
        model.compile("sgd", run_eagerly=True)
        return model

    result = cross_predict(make, FEATURES[:, 0, 0], labels, epochs=1, folds=2, verbose=0)
    assert result.shape == (N, 2)
    np.testing.assert_allclose(result.sum(axis=1), 1, atol=1e-6)
