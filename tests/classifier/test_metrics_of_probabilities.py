"""Metrics that would read probabilities as raw outputs, and losses as metrics, are refused with a cure that works."""

import functools
import inspect

import keras
import numpy as np
import pytest

from tests.helpers.small_classifier import FEATURES, LABELS, classifier
from tfp_noise import losses

FROM_LOGITS = [
    metric
    for metric in vars(keras.metrics).values()
    if isinstance(metric, type) and "from_logits" in inspect.signature(metric).parameters
]
of_keras = keras.losses.sparse_categorical_crossentropy


def compiled(metric, loss=None):
    model = classifier(loss or losses.GeneralizedCrossEntropy(3))
    model.compile(keras.optimizers.SGD(0.0), metrics=[metric], jit_compile=False)
    return model


def followed(cure, loss, labels):
    """The number of a metric in code, in batches of several sizes, and probabilities of the same network."""
    model = compiled(eval(cure, {"keras": keras}), loss)
    return model.evaluate(FEATURES, labels, batch_size=20, verbose=0)[1], model.predict(FEATURES, verbose=0)


@pytest.mark.parametrize("several", [False, True])
@pytest.mark.parametrize("metric", FROM_LOGITS, ids=lambda metric: metric.__name__)
def test_every_metric_of_logits_is_refused(metric, several):
    loss = losses.MultiLabel(losses.CrossEntropy(2), 3) if several else losses.CrossEntropy(3)
    with pytest.raises(ValueError, match=f"must read probabilities.*{metric.__name__}, with `from_logits=True`. Leave"):
        compiled(metric(from_logits=True), loss)


@pytest.mark.parametrize(
    "metric",
    [
        functools.partial(of_keras, from_logits=True),
        keras.metrics.MeanMetricWrapper(of_keras, from_logits=True),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True, reduction=None),
    ],
    ids=["partial", "wrapper", "loss"],
)
def test_logits_are_refused_however_they_are_asked_for(metric):
    with pytest.raises(ValueError, match=r"must read probabilities.*`from_logits=True`"):
        compiled(metric)


def test_losses_of_the_package_are_refused_with_the_cross_entropy_of_the_labels():
    with pytest.raises(ValueError, match=r"losses of raw outputs do not.*'cross_entropy', a CrossEntropy") as refused:
        compiled(losses.CrossEntropy(3))
    cure = "keras.metrics.SparseCategoricalCrossentropy()"
    assert f"`{cure}`" in str(refused.value)
    found, p = followed(cure, losses.GeneralizedCrossEntropy(3), LABELS)
    assert found == pytest.approx(-np.mean(np.log(p[np.arange(48), LABELS])), rel=1e-5)
    several = losses.MultiLabel(losses.CrossEntropy(2), 3)
    with pytest.raises(ValueError, match=r"losses of raw outputs do not.*a MultiLabel") as refused:
        compiled(several, losses.MultiLabel(losses.CrossEntropy(2), 3))
    cure, labels = "keras.metrics.BinaryCrossentropy()", np.eye(3)[LABELS]
    assert f"`{cure}`" in str(refused.value)
    found, p = followed(cure, several, labels)
    assert found == pytest.approx(-np.mean(np.log(np.where(labels == 1, p, 1 - p))), rel=1e-5)


@pytest.mark.parametrize(
    ("loss", "cure"),
    [
        (keras.losses.SparseCategoricalCrossentropy(), "keras.metrics.SparseCategoricalCrossentropy()"),
        (keras.losses.Huber(), "reduction=None"),
    ],
    ids=["with a metric of its name", "without"],
)
def test_a_loss_of_keras_that_reduces_a_batch_is_refused(loss, cure):
    with pytest.raises(ValueError, match=f"a value for each label.*a {type(loss).__name__}: a loss that.*") as refused:
        compiled(loss)
    assert f"`{cure}`" in str(refused.value)


@pytest.mark.parametrize("name", ["metrics", "losses"])
def test_a_cross_entropy_of_each_example_counts_all_of_them_alike(name):
    own = "reduction=None" if name == "losses" else ""
    found, p = followed(f"keras.{name}.SparseCategoricalCrossentropy({own})", None, LABELS)
    assert found == pytest.approx(-np.mean(np.log(p[np.arange(48), LABELS])), rel=1e-5)
