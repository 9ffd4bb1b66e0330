"""Every metric class of Keras beside every kind of labels: refused in words, or the number of what counts."""

import functools

import keras
import numpy as np
import pytest

from tfp_noise import NoisyLabelClassifier, losses

L, N = 3, 24
RNG = np.random.default_rng(0)
FEATURES = RNG.normal(size=[N, 4, 5]).astype("float32")
FIRST = RNG.integers(0, 2, [N, 4])
SEVERAL = np.stack([FIRST, 1 - FIRST, RNG.integers(0, 2, [N, 4])], axis=-1)  # no row is constant: it has correlations
CLASSES = RNG.integers(0, L, [N, 4])
ONE_HOT = np.eye(L)[CLASSES]
UNKNOWN = RNG.uniform(size=[N, 4, L]) < 0.3


def squared_error(y_true, y_pred):
    return (keras.ops.cast(y_true, y_pred.dtype) - y_pred) ** 2


ARGUMENTS = {
    "IoU": (L, [1]),
    "MeanIoU": (L,),
    "MeanMetricWrapper": (squared_error,),
    "OneHotIoU": (L, [1]),
    "OneHotMeanIoU": (L,),
    **dict.fromkeys(["PrecisionAtRecall", "RecallAtPrecision"], (0.5,)),
    **dict.fromkeys(["SensitivityAtSpecificity", "SpecificityAtSensitivity"], (0.5,)),
    **dict.fromkeys(["SparseTopKCategoricalAccuracy", "TopKCategoricalAccuracy"], (2,)),
}
NAMES = [
    name
    for name, metric in vars(keras.metrics).items()
    if isinstance(metric, type) and issubclass(metric, keras.Metric) and metric is not keras.Metric
]


def made(name):
    return getattr(keras.metrics, name)(*ARGUMENTS.get(name, ()), name=name)


def of_keras(name):
    """The metric itself, on arrays."""

    def value(y, p):
        metric = made(name)
        metric.update_state(y.astype("float32"), p.astype("float32"))
        return metric.result()

    return value


def auc(y, p):
    """The fraction of pairs in order; Keras's has an error of its thresholds."""
    present, absent = p[y == 1], p[y == 0]
    return np.mean(present[:, None] > absent)


def f_score(y, p):
    """Scores of all labels, where the most probable label of an example counts as present."""
    hits = (p == p.max(-1, keepdims=True)) * y
    return 2 * hits.sum(0) / (len(p) * np.mean(p == p.max(-1, keepdims=True), axis=0) + y.sum(0))


def intersection_over_union(y, p):
    return np.mean([np.sum(y & p) / np.sum(y | p) for y, p in [(y == 1, p >= 0.5), (y == 0, p < 0.5)]])


def centred(values):
    return values - values.mean(-1, keepdims=True)


def concordance(y, p):
    covariance = np.mean(centred(y) * centred(p), axis=-1)
    return np.mean(2 * covariance / (y.var(-1) + p.var(-1) + (y.mean(-1) - p.mean(-1)) ** 2))


def unit(values):
    return values / np.linalg.norm(values, axis=-1, keepdims=True)


EACH_LABEL = {
    "BinaryAccuracy": lambda y, p: np.mean((p > 0.5) == y),
    "MeanMetricWrapper": lambda y, p: np.mean((y - p) ** 2),
}
# Labels of the shape of the predictions.
OF_POSITIONS = EACH_LABEL | {
    "AUC": auc,
    "BinaryCrossentropy": lambda y, p: -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p)),
    "ConcordanceCorrelation": concordance,
    "CosineSimilarity": lambda y, p: np.mean(np.sum(unit(y) * unit(p), axis=-1)),
    "FalseNegatives": lambda y, p: np.sum((p <= 0.5) & (y == 1)),
    "FalsePositives": lambda y, p: np.sum((p > 0.5) & (y == 0)),
    "Hinge": lambda y, p: np.mean(np.maximum(1 - (2 * y - 1) * p, 0)),
    "KLDivergence": lambda y, p: np.mean(np.sum(np.where(y, -np.log(p), 0), axis=-1)),
    "LogCoshError": lambda y, p: np.mean(np.log(np.cosh(p - y))),
    "MeanAbsoluteError": lambda y, p: np.mean(np.abs(p - y)),
    "MeanAbsolutePercentageError": lambda y, p: 100 * np.mean(np.abs(p - y) / np.maximum(y, 1e-7)),
    "MeanSquaredError": lambda y, p: np.mean((y - p) ** 2),
    "MeanSquaredLogarithmicError": lambda y, p: np.mean((np.log1p(y) - np.log1p(p)) ** 2),
    "PearsonCorrelation": lambda y, p: np.mean(np.sum(unit(centred(y)) * unit(centred(p)), axis=-1)),
    "Poisson": lambda y, p: np.mean(p - y * np.log(p)),
    "Precision": lambda y, p: np.mean(y[p > 0.5]),
    "Recall": lambda y, p: np.mean(p[y == 1] > 0.5),
    "RootMeanSquaredError": lambda y, p: np.sqrt(np.mean((y - p) ** 2)),
    "SquaredHinge": lambda y, p: np.mean(np.maximum(1 - (2 * y - 1) * p, 0) ** 2),
    "TrueNegatives": lambda y, p: np.sum((p <= 0.5) & (y == 0)),
    "TruePositives": lambda y, p: np.sum((p > 0.5) & (y == 1)),
    **{name: of_keras(name) for name in NAMES if "At" in name},
}
OF_EXAMPLES = OF_POSITIONS | {
    "F1Score": f_score,
    "FBetaScore": f_score,
    "R2Score": lambda y, p: np.mean(1 - np.sum((y - p) ** 2, axis=0) / np.sum((y - y.mean(0)) ** 2, axis=0)),
}
BOTH_SIDES = {"BinaryIoU": intersection_over_union}
OF_DISTRIBUTIONS = {
    "Accuracy": lambda y, p: np.mean(y == p),
    "CategoricalAccuracy": lambda y, p: np.mean(y.argmax(-1) == p.argmax(-1)),
    "CategoricalCrossentropy": lambda y, p: -np.mean(np.log(p[y == 1])),
    "CategoricalHinge": lambda y, p: np.mean(np.maximum(1 + np.max((1 - y) * p, axis=-1) - np.sum(y * p, axis=-1), 0)),
    "OneHotIoU": of_keras("OneHotIoU"),
    "OneHotMeanIoU": of_keras("OneHotMeanIoU"),
    "TopKCategoricalAccuracy": lambda y, p: np.mean(np.sum(y * p, axis=-1) > p.min(axis=-1)),
}
OF_CLASSES = {
    "SparseCategoricalAccuracy": lambda y, p: np.mean(y == p.argmax(-1)),
    "SparseCategoricalCrossentropy": lambda y, p: -np.mean(np.log(p[np.arange(len(y)), y])),
    "SparseTopKCategoricalAccuracy": lambda y, p: np.mean(p[np.arange(len(y)), y] > p.min(axis=-1)),
}
# Labels, which of them nobody knows, and the metrics that read them.
KINDS = {
    "several labels": (SEVERAL[:, 0], None, OF_EXAMPLES | BOTH_SIDES),
    "several labels, some unknown": (SEVERAL[:, 0], UNKNOWN[:, 0], EACH_LABEL),
    "several labels at positions": (SEVERAL, None, OF_POSITIONS | BOTH_SIDES),
    "several labels at positions, some unknown": (SEVERAL, UNKNOWN, EACH_LABEL),
    "distributions": (ONE_HOT[:, 0], None, OF_EXAMPLES | OF_DISTRIBUTIONS),
    "classes": (CLASSES[:, 0], None, OF_CLASSES),
    "classes at positions, some unknown": (CLASSES, UNKNOWN[..., 0], OF_CLASSES),
}


@functools.cache
def trained(kind):
    """A classifier, compiled anew for each metric, its outputs, and probabilities."""
    x, ignored = FEATURES if "positions" in kind else FEATURES[:, 0], -1 if "unknown" in kind else None
    several = functools.partial(losses.MultiLabel, losses.CrossEntropy(2))
    keras.utils.set_random_seed(0)
    network = keras.Sequential([keras.Input(x.shape[1:]), keras.layers.Dense(L)])
    model = NoisyLabelClassifier(
        network, (several if "several" in kind else losses.CrossEntropy)(L, ignore_class=ignored)
    )
    model.build(x.shape)
    return model, model(x), model.loss.probabilities(model(x)).numpy().astype("float64")


def given(kind):
    labels, unknown, _ = KINDS[kind]
    labels = labels if unknown is None else np.where(unknown, -1, labels)
    return labels if kind.startswith("classes") else labels.astype("float32")


def metrics_of(kind, weights=None, **compiled):
    """The numbers of a batch."""
    model, outputs, _ = trained(kind)
    model.compile("sgd", **compiled)
    return model.compute_metrics(None, keras.ops.convert_to_tensor(given(kind)), outputs, weights)


@pytest.mark.parametrize("kind", KINDS)
def test_a_metric_that_reads_the_labels_counts_what_is_known(kind):
    labels, unknown, oracles = KINDS[kind]
    found, p = metrics_of(kind, metrics=[made(name) for name in oracles]), trained(kind)[2]
    y, p = (labels, p) if unknown is None else (labels[~unknown], p[~unknown])
    assert found.keys() - {"loss"} == oracles.keys()
    for name, value in oracles.items():
        rtol = 0.02 if name == "AUC" else 1e-4
        np.testing.assert_allclose(found[name], value(y, p), rtol=rtol, err_msg=name)


@pytest.mark.parametrize("kind", KINDS)
def test_every_other_metric_is_refused_in_words(kind):
    others = set(NAMES) - set(KINDS[kind][2])
    assert {"Mean", "Sum", "MeanIoU"} < others
    for name in others:
        with pytest.raises(ValueError, match=f"`(weighted_)?metrics` must .*Received: '{name}'"):
            metrics_of(kind, metrics=[made(name)])


def error(y_true, y_pred):
    return keras.ops.cast(keras.ops.argmax(y_pred, axis=-1) != keras.ops.cast(y_true, "int32"), "float32")


class Error(keras.metrics.Mean):
    """A metric of a user, which knows no masks, and may know an `ignore_class`."""

    ignore_class = None

    def update_state(self, y_true, y_pred, sample_weight=None):
        wrong, known = error(y_true, y_pred), y_true != (-7 if self.ignore_class is None else self.ignore_class)
        return super().update_state(wrong, keras.ops.cast(known, "float32"))


class KnownError(Error):
    ignore_class = 99


def dice(y_true, y_pred):
    return keras.ops.mean(error(y_true, y_pred))


def of_example(y_true, y_pred):
    return keras.ops.mean(error(y_true, y_pred), axis=1)


AT_POSITIONS = "classes at positions, some unknown"


def test_a_mean_with_an_update_of_its_own_is_refused_unless_it_has_an_ignore_class():
    with pytest.raises(ValueError, match=r"which Error cannot.*'mine'. Pass a function with a value for each label"):
        metrics_of(AT_POSITIONS, metrics=[Error("mine")])
    labels, unknown, _ = KINDS[AT_POSITIONS]
    wrong = np.mean((trained(AT_POSITIONS)[2].argmax(-1) != labels)[~unknown])
    found = metrics_of(AT_POSITIONS, metrics=[error, KnownError("mine")])
    np.testing.assert_allclose([found["error"], found["mine"]], wrong, rtol=1e-6)


@pytest.mark.parametrize("function", [dice, of_example])
def test_a_function_without_a_value_for_each_label_is_refused(function):
    with pytest.raises(ValueError, match=f"must have a value for each label.*ignore_class.*'{function.__name__}', one"):
        metrics_of(AT_POSITIONS, metrics=[function])


@pytest.mark.parametrize(
    "metric", [made("F1Score"), keras.metrics.F1Score("micro", 0.5), made("BinaryCrossentropy")], ids=lambda m: m.name
)
def test_weights_of_labels_are_refused_by_name_where_a_metric_cannot_read_them(metric):
    weights = keras.ops.ones([N, L])
    with pytest.raises(ValueError, match=rf"`sample_weight` of shape \({N}, {L}\).*'{metric.name}'.*Pass weights"):
        metrics_of("several labels", weights, weighted_metrics=[metric])
    metrics_of("several labels", weights, metrics=[metric], weighted_metrics=["accuracy"])
    metrics_of("several labels", weights[:, 0], weighted_metrics=[metric])


def test_metrics_of_examples_name_what_to_call_them_on():
    with pytest.raises(ValueError, match=r"shape \(24, 4, 3\).*F1Score cannot.*Call it on `y.reshape\(-1, 3\)` and `p"):
        metrics_of("several labels at positions", metrics=[made("F1Score")])


@pytest.mark.parametrize("kind", ["several labels, some unknown", "several labels at positions, some unknown"])
@pytest.mark.parametrize(
    "build", [lambda: keras.metrics.F1Score(threshold=0.5), lambda: keras.metrics.AUC(multi_label=True)]
)
def test_the_cure_for_labels_that_nobody_knows_can_be_followed(kind, build):
    with pytest.raises(ValueError, match=r"must leave out examples of `ignore_class`.*for each label") as refused:
        metrics_of(kind, metrics=[build()])
    known, of_labels, of_predictions = ("known = y[..., l] != -1", "y[known][:, [l]]", "p[known][:, [l]]")
    assert all(f"`{code}`" in str(refused.value) for code in (known, of_labels, of_predictions))
    for label in range(L):
        names = {"y": given(kind), "p": trained(kind)[2], "l": label}
        exec(known, names)
        y, p = eval(of_labels, names), eval(of_predictions, names)
        value = float(np.squeeze(build()(y, p)))
        oracle = auc(y, p) if "auc" in build().name else 2 * np.sum(y[p > 0.5]) / (np.sum(y) + np.sum(p > 0.5))
        assert value == pytest.approx(oracle, abs=0.02)


@pytest.mark.parametrize("name", ["IoU", "MeanIoU", "OneHotIoU", "OneHotMeanIoU", "Accuracy"])
def test_what_reads_several_labels_as_classes_is_refused_at_compile(name):
    cure = '"accuracy"' if name == "Accuracy" else r"`BinaryIoU\(\[1\], threshold=0.5\)`"
    with pytest.raises(ValueError, match=rf"must read several labels.*'{name}'. Take {cure}"):
        trained("several labels")[0].compile("sgd", metrics=[made(name)])
