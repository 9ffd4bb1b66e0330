"""Metrics of Keras with an `ignore_class` of their own: beside a loss that has one, the numbers of Keras itself."""

import inspect

import keras
import numpy as np
import pytest

from tfp_noise import NoisyLabelClassifier, losses

K, SIZES = 3, [4, 5]
RNG = np.random.default_rng(0)
LABELS = RNG.integers(0, K, [8, *SIZES])
FEATURES = (np.eye(K)[LABELS] + RNG.normal(size=[8, *SIZES, K])).astype("float32")
WEIGHTS = RNG.uniform(size=LABELS.shape).astype("float32")
LEFT_OUT = RNG.uniform(size=LABELS.shape) < 0.3
MARKED = np.where(LEFT_OUT, 255, LABELS).astype("uint8")
ONE_HOT = np.eye(K, dtype="float32")[LABELS]

TAKE_IT = {
    name
    for name, metric in vars(keras.metrics).items()
    if isinstance(metric, type) and "ignore_class" in inspect.signature(metric).parameters
}
# Each with the labels that it reads and the class that it leaves out of them.
METRICS = {
    "IoU": (lambda **own: keras.metrics.IoU(K, [0, 2], sparse_y_pred=False, **own), MARKED, 255),
    "MeanIoU": (lambda **own: keras.metrics.MeanIoU(K, sparse_y_pred=False, **own), MARKED, 255),
    "OneHotIoU": (lambda **own: keras.metrics.OneHotIoU(K, [0, 2], **own), ONE_HOT, 1),
    "OneHotMeanIoU": (lambda **own: keras.metrics.OneHotMeanIoU(K, **own), ONE_HOT, 1),
    "SparseCategoricalCrossentropy": (keras.metrics.SparseCategoricalCrossentropy, MARKED, 255),
}


def test_no_metric_with_an_ignore_class_is_missing():
    assert set(METRICS) == TAKE_IT


def classifier(ignored=255, masking=(), **metrics):
    """Without a learning rate, so that all batches are those of one network."""
    keras.utils.set_random_seed(0)
    network = keras.Sequential([keras.Input([*SIZES, K]), *masking, keras.layers.Dense(K)])
    model = NoisyLabelClassifier(network, losses.CrossEntropy(K, ignore_class=ignored))
    model.compile(keras.optimizers.SGD(0.0), jit_compile=False, **metrics)
    return model


def fitted(model, labels, **arguments):
    history = model.fit(FEATURES, labels, batch_size=3, shuffle=False, verbose=0, **arguments).history
    return next(value[0] for name, value in history.items() if name != "loss")


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("name", METRICS)
@pytest.mark.daily("OneHotMeanIoU-True", "IoU-False", "SparseCategoricalCrossentropy-True")
def test_numbers_are_those_of_keras_on_the_labels_as_given(name, weighted):
    build, labels, ignored = METRICS[name]
    ours, theirs = (build(ignore_class=ignored, dtype="float32") for _ in range(2))
    model = classifier(**{"weighted_metrics" if weighted else "metrics": [ours]})
    found = fitted(model, labels, sample_weight=WEIGHTS)
    p = model.predict(FEATURES, verbose=0)
    if name == "SparseCategoricalCrossentropy" and not weighted:
        # Keras divides by the number of all labels where nothing says which of them count; here a mask says it.
        theirs.update_state(labels[~LEFT_OUT], p[~LEFT_OUT])
    else:
        theirs.update_state(labels, p, sample_weight=WEIGHTS if weighted else None)
    assert found == pytest.approx(float(theirs.result()), rel=1e-6)
    of_all = build(dtype="float32")
    of_all.update_state(LABELS if labels is MARKED else ONE_HOT, p, sample_weight=WEIGHTS if weighted else None)
    assert found != pytest.approx(float(of_all.result()), rel=1e-4)


def test_the_number_of_the_metric_may_be_another_one():
    model = classifier(metrics=[keras.metrics.MeanIoU(K, ignore_class=-1, sparse_y_pred=False)])
    found, theirs = fitted(model, MARKED), keras.metrics.MeanIoU(K, ignore_class=-1, sparse_y_pred=False)
    theirs.update_state(np.where(LEFT_OUT, -1, LABELS), model.predict(FEATURES, verbose=0))
    assert found == float(theirs.result())


def test_positions_under_a_mask_of_keras_are_left_out_too():
    class Mask(keras.layers.Layer):
        def compute_mask(self, inputs, mask=None):
            return keras.ops.any(keras.ops.not_equal(inputs, 0), axis=-1)

        def call(self, inputs):
            return inputs

    features, masked = FEATURES.copy(), RNG.uniform(size=LABELS.shape) < 0.3
    features[masked] = 0
    model = classifier(None, [Mask()], metrics=[keras.metrics.MeanIoU(K, ignore_class=255, sparse_y_pred=False)])
    found = model.evaluate(features, LABELS, batch_size=3, verbose=0)[1]
    theirs = keras.metrics.MeanIoU(K, sparse_y_pred=False)
    theirs.update_state(LABELS[~masked], model.predict(features, verbose=0)[~masked])
    assert found == float(theirs.result())
    one_hot = classifier(None, [Mask()], metrics=[keras.metrics.OneHotMeanIoU(K, ignore_class=1)])
    with pytest.raises(ValueError, match="must leave out positions under a mask of Keras, which OneHotMeanIoU cannot"):
        one_hot.evaluate(features, ONE_HOT, verbose=0)


REFUSED = {
    "without one": (
        keras.metrics.MeanIoU(K, sparse_y_pred=False),
        MARKED,
        "examples of `ignore_class`, which MeanIoU cannot.* Give it `ignore_class=255`, or call it on `predict`",
    ),
    "that cannot have one": (
        keras.metrics.AUC(),
        MARKED,
        r"which AUC cannot. Received: 'auc\w*'. Call it on `predict`",
    ),
    "of classes predicted": (
        keras.metrics.MeanIoU(K, ignore_class=255),
        MARKED,
        "read class indices as labels, and probabilities.*`sparse_y_true=True, sparse_y_pred=False`",
    ),
    "of one-hot labels": (keras.metrics.OneHotMeanIoU(K, ignore_class=1), MARKED, "read class indices as labels, and"),
    "of class indices": (
        keras.metrics.MeanIoU(K, ignore_class=255, sparse_y_pred=False),
        ONE_HOT,
        "read distributions as labels, and probabilities.* 'mean_io_u.*`sparse_y_true=False, sparse_y_pred=False`",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_metrics_that_cannot_read_the_labels_are_refused_in_words(name):
    metric, labels, message = REFUSED[name]
    with pytest.raises(ValueError, match=f"`metrics` must .*{message}"):
        fitted(classifier(metrics=[metric]), labels)
