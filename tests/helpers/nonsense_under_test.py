"""Valid arguments of every public callable, and the nonsense that replaces each of them in turn."""

import functools
import inspect
import pathlib
import tempfile

import keras
import numpy as np
import tensorflow as tf

import tfp_noise
from tests.helpers.losses_under_test import LOSSES_UNDER_TEST
from tests.helpers.round_trips import arguments
from tfp_noise import datasets, distribute, losses, metrics, noise, pipeline

K, N = 3, 6
LABELS = np.arange(N) % K
OBSERVED = np.array([0, 1, 2, 1, 1, 2])
TRANSITION = noise.symmetric(K, 0.2)
PROBABILITIES = TRANSITION[LABELS]
NAMES = ("a", "b", "c")
FEATURES = np.random.default_rng(0).uniform(size=(N, 4)).astype("float32")

NONSENSE = {
    "None": None,
    "text": "text",
    "empty text": "",
    "bytes": b"bytes",
    "NaN": float("nan"),
    "inf": float("inf"),
    "-1": -1,
    "0": 0,
    "0.5": 0.5,
    "2**63": 2**63,
    "10**400": 10**400,
    "True": True,
    "1j": 1j,
    "[]": [],
    "{}": {},
    "set": {0, 1},
    "object": object(),
    "class": int,
    "date": np.datetime64("2020-01-01"),
    "dates": np.array(["2020-01-01"] * N, "M8[D]"),
    "durations": np.ones([K, K], "m8[s]"),
    "masked": np.ma.masked_array(LABELS, LABELS == 1),
    "masked matrix": np.ma.masked_array(TRANSITION, TRANSITION < 0.5),
    "complex": TRANSITION * 1j,
    "strings": np.array(NAMES),
    "numbers in text": TRANSITION.astype(str),
    "objects": np.array([None, "a", 3], object),
    "ragged": [[1.0, 2.0], [3.0]],
    "NaN array": np.full([K, K], np.nan),
    "negative": -np.ones([N, K]),
    "rank 5": np.ones([1] * 5),
    "wrong width": np.full([2, 7], 1 / 7),
}


@functools.cache
def model():
    return keras.Sequential([keras.Input([4]), keras.layers.Dense(5), keras.layers.Dense(K)])


@functools.cache
def staged():
    return keras.Sequential([keras.Input([4]), keras.layers.Dense(5, name="early"), keras.layers.Dense(K)])


@functools.cache
def dataset(observed=False):
    parts = [datasets.Examples(FEATURES, LABELS, np.arange(N), OBSERVED if observed else None) for _ in range(3)]
    return datasets.Dataset("x", *parts, NAMES)


def examples():
    return dataset(observed=True).train


@functools.cache
def clothes():
    labels = np.arange(datasets.clothing1m.NUM_CLASSES)
    return datasets.Examples(np.array([f"{label}.jpg" for label in labels], object), labels, labels)


@functools.cache
def table():
    path = pathlib.Path(tempfile.mkdtemp()) / "table.csv"
    path.write_text("age,colour,kind\n" + "".join(f"{n},red,{name}\n" for n in range(2) for name in NAMES))
    return path


@functools.cache
def pictures():
    path = pathlib.Path(tempfile.mkdtemp())
    for name, number in ((name, number) for name in NAMES for number in range(2)):
        (path / name).mkdir(exist_ok=True)
        keras.utils.save_img(path / name / f"{number}.png", np.zeros([2, 2, 3]), scale=False)
    return path


def source():
    return tf.data.Dataset.from_tensor_slices((FEATURES, LABELS, np.arange(N)))


def history():
    keys = ("train_accuracy_clean", "train_accuracy_mislabelled", "train_accuracy_mislabelled_true")
    return {key: [1.0] for key in ("epoch", "test_accuracy", "train_accuracy_observed", *keys)}


@functools.cache
def outputs():
    loss = losses.LogisticNormal(K)
    return loss, np.zeros([N, loss.num_outputs])


def schedule():
    return keras.optimizers.schedules.ExponentialDecay(0.1, 10, 0.9)


def required(loss):
    """The arguments of a loss that have no default."""
    names = [name for name, default in arguments(type(loss)).items() if default is inspect.Parameter.empty]
    return {name: getattr(loss, name) for name in names}


_PREDICTIONS = {"probabilities": PROBABILITIES, "labels": LABELS}
_PLANE = {"points": FEATURES[:, :2], "labels": LABELS % 2, "observed": OBSERVED % 2}
_LOSSES = [case.build(K) for case in LOSSES_UNDER_TEST.values()]
_K = {"num_classes": K}
_SUSPECTS = {"labels": LABELS, "suggested": OBSERVED, "score": np.full(N, 0.5), "is_suspect": LABELS != OBSERVED}

# A function for each public callable: it makes the arguments without a default, or with one that is slow to use.
RIGHT = {
    "CoTeaching": lambda: {
        **{"network": model(), "loss": losses.LabelSmoothing(K), "peer": teacher()},
        **{"forget_rate": 0.4, "ramp_steps": 4},
    },
    "DistilledClassifier": lambda: {"network": model(), "loss": losses.LabelSmoothing(K), "teacher": teacher()},
    "LearningToReweight": lambda: {
        **{"network": model(), "loss": losses.LabelSmoothing(K), "clean": (FEATURES, LABELS)},
    },
    "MetaWeightNet": lambda: {
        **{"network": model(), "loss": losses.LabelSmoothing(K), "clean": (FEATURES, LABELS)},
    },
    "DepthDistillation": lambda: {
        **{"network": staged(), "loss": losses.LabelSmoothing(K), "stages": ["early"]},
    },
    "DistortionDistillation": lambda: {
        **{"network": model(), "loss": losses.LabelSmoothing(K)},
        "distortion": keras.layers.Dropout(0.1),
    },
    "DynamicBootstrap": lambda: {"network": model(), "loss": losses.LabelSmoothing(K), "warm_up": 2},
    "NoisyLabelClassifier": lambda: {"network": model(), "loss": losses.LabelSmoothing(K)},
    "PrototypeCorrection": lambda: {"network": model(), "loss": losses.LabelSmoothing(K), "warm_up": 2},
    "attacks.fast_gradient_sign": lambda: {"model": model(), "features": FEATURES, "labels": LABELS},
    "attacks.projected_gradient": lambda: {
        **{"model": model(), "features": FEATURES, "labels": LABELS},
        "num_steps": 1,
    },
    "callbacks.ClassRowsHistory": dict,
    "callbacks.MarginHistory": lambda: {"features": FEATURES, "labels": LABELS},
    "datasets.Dataset": lambda: {
        **{part: dataset().train for part in ("train", "validation", "test")},
        **{"name": "x", "class_names": NAMES},
    },
    "datasets.Examples": lambda: {"features": FEATURES, "labels": LABELS, "ids": np.arange(N)},
    "datasets.cifar10h.load": lambda: {"examples": examples()},
    "datasets.class_names": lambda: {"name": "mnist"},
    "datasets.clothing1m.balanced_stream": lambda: {"examples": clothes(), "per_class": 1},
    "datasets.clothing1m.load": lambda: {"directory": "nowhere"},
    "datasets.clothing1m.stream": lambda: {"examples": clothes()},
    "datasets.from_arrays": lambda: {"features": FEATURES, "labels": LABELS, "validation_share": 0.5},
    "datasets.from_csv": lambda: {"path": table(), "label": "kind", "features": ["age"], "validation_share": 0.5},
    "datasets.from_directory": lambda: {"path": pictures(), "validation_share": 0.5},
    "datasets.from_votes": lambda: {
        **{"features": FEATURES, "votes": np.eye(K, dtype=int)[LABELS], "validation_share": 0.5},
    },
    "datasets.load": lambda: {"name": "two_moons"},
    "datasets.names": dict,
    "datasets.stream": lambda: {"name": "mnist", "split": "train"},
    "distribute.Cluster": lambda: {"workers": ["a:1", "b:1"], "index": 0},
    "distribute.check_batch_size": lambda: {"batch_size": 4, "strategy": distribute.strategy()},
    "distribute.description": lambda: {"strategy": distribute.strategy()},
    "distribute.is_chief": lambda: {"strategy": distribute.strategy()},
    "distribute.strategy": dict,
    "distribute.barrier": lambda: {"strategy": distribute.strategy()},
    "estimation.EstimatedTransition": lambda: {"transition": TRANSITION, "support": [1, 2, 3]},
    "estimation.from_anchors": lambda: {"probabilities": PROBABILITIES},
    "estimation.from_confident_counts": lambda: dict(_PREDICTIONS),
    "estimation.from_trusted": lambda: {"clean": LABELS, "observed": OBSERVED, "num_classes": K},
    "losses.NoisyLabelLoss": lambda: dict(_K),
    **{f"losses.{type(loss).__name__}": functools.partial(required, loss) for loss in _LOSSES},
    "losses.MultiLabel": lambda: {"loss": losses.CrossEntropy(2), "num_labels": K},
    "losses.available": dict,
    "metrics.ExpectedCalibrationError": dict,
    "metrics.accuracy": lambda: dict(_PREDICTIONS),
    "metrics.adaptive_calibration_error": lambda: dict(_PREDICTIONS),
    "metrics.apply_temperature": lambda: {"probabilities": PROBABILITIES, "temperature": 2.0},
    "metrics.brier_score": lambda: dict(_PREDICTIONS),
    "metrics.class_distances": lambda: {"features": FEATURES, "labels": LABELS},
    "metrics.classwise_calibration_error": lambda: dict(_PREDICTIONS),
    "metrics.expected_calibration_error": lambda: dict(_PREDICTIONS),
    "metrics.fit_temperature": lambda: {"probabilities": PROBABILITIES, "labels": OBSERVED},
    "metrics.label_dependent_term": lambda: {"loss": outputs()[0], "y_true": LABELS, "y_pred": outputs()[1]},
    "metrics.mean_kl_divergence": lambda: {"targets": PROBABILITIES, "probabilities": PROBABILITIES},
    "metrics.negative_log_likelihood": lambda: dict(_PREDICTIONS),
    "metrics.rank_correlation": lambda: {"rows": TRANSITION, "confusion": TRANSITION},
    "metrics.reliability_curve": lambda: dict(_PREDICTIONS),
    "metrics.split_accuracy": lambda: {"probabilities": PROBABILITIES, "examples": examples()},
    "metrics.top_k_accuracy": lambda: {**_PREDICTIONS, "k": 2},
    "noise.asymmetric": lambda: {"dataset_name": "mnist", "rate": 0.4},
    "noise.condition_number": lambda: {"transition": TRANSITION},
    "noise.corrupt": lambda: {"labels": LABELS, "transition": TRANSITION, "seed": 0},
    "noise.corrupt_dataset": lambda: {"dataset": dataset(), "transition": TRANSITION, "seed": 0},
    "noise.corrupt_dataset_by_example": lambda: {
        **{"dataset": dataset(), "probabilities": [PROBABILITIES, PROBABILITIES], "rate": 0.4, "seed": 0},
    },
    "noise.corrupt_exact": lambda: {"labels": LABELS, "transition": TRANSITION, "seed": 0},
    "noise.draw_labels": lambda: {"distributions": PROBABILITIES, "seed": 0},
    "noise.effective_rate": lambda: {"transition": TRANSITION},
    "noise.from_pairs": lambda: {**_K, "pairs": {0: 1}, "rate": 0.4},
    "noise.instance_dependent": lambda: {**_PREDICTIONS, "rate": 0.4},
    "noise.mean_transition": lambda: {"distributions": PROBABILITIES, "labels": LABELS},
    "noise.pair_flip": lambda: {**_K, "rate": 0.4},
    "noise.superclass_flip": lambda: {"superclasses": [0, 1, 0], "rate": 0.4},
    "noise.symmetric": lambda: {**_K, "rate": 0.4},
    "optimizers.LARS": dict,
    "pipeline.Compose": lambda: {"steps": (pipeline.Mixup(),)},
    "pipeline.CropAndFlip": dict,
    "pipeline.CutMix": dict,
    "pipeline.Cutout": dict,
    "pipeline.Mixup": dict,
    "pipeline.RandAugment": dict,
    "pipeline.batches": lambda: {"dataset": dataset(), "batch_size": 2},
    "pipeline.one_pass": lambda: {"examples": examples(), "batch_size": 2},
    "pipeline.shard_batches": lambda: {"data": tf.data.Dataset.range(4)},
    "pipeline.stream": lambda: {"source": source(), "transition": TRANSITION, "batch_size": 2},
    "schedules.LargerBatch": lambda: {"schedule": schedule(), "factor": 2},
    "schedules.WarmUp": lambda: {"schedule": schedule(), "steps": 2},
    "similarities.ClassSimilarities": lambda: {"rows": TRANSITION, "class_names": NAMES},
    "suspects.Suspects": lambda: {**_SUSPECTS, "joint": TRANSITION},
    "suspects.rank": lambda: dict(_PREDICTIONS),
    "visualization.class_plane_projection": lambda: {
        **{"representations": {"a": (FEATURES, np.eye(4)[:, :K])}, "labels": LABELS, "observed": OBSERVED},
        "classes": (0, 1, 2),
    },
    "visualization.class_similarities": lambda: {"similarities": {"a": TRANSITION}, "class_names": NAMES},
    "visualization.decision_regions": lambda: {**_PLANE, "classifiers": {"a": lambda x: np.eye(2)[0] + 0 * x}},
    "visualization.errors_by_noise_rate": lambda: {"histories": {0.2: {"a": history()}}},
    "visualization.feature_clusters": lambda: {"features": {"a": FEATURES}, "labels": LABELS, "class_names": NAMES},
    "visualization.label_dependent_densities": lambda: {
        "terms": {"a": np.arange(1.0, N + 1)},
        "mislabelled": LABELS != OBSERVED,
    },
    "visualization.learning_curves": lambda: {"history": history()},
    "visualization.linear_separators": lambda: {**_PLANE, "separators": {"a": {"b": ([1.0, 0.0], 0.0)}}},
    "visualization.logit_gap_densities": lambda: {
        **{"logits": {"a": PROBABILITIES}, "labels": LABELS, "observed": OBSERVED},
    },
    "visualization.logit_gaps": lambda: {"logits": PROBABILITIES, "labels": LABELS},
    "visualization.logits_and_simplex": lambda: {"loc": [0.0, 0.0], "scale": np.eye(2)},
    "visualization.loss_by_margin": lambda: {"losses": {"a": losses.LabelSmoothing(2)}},
    "visualization.loss_by_residual": lambda: {"min_scales": [0.5]},
    "visualization.penultimate": lambda: {"model": model()},
    "visualization.reliability_diagram": lambda: {"probabilities_by_method": {"a": PROBABILITIES}, "labels": LABELS},
    "visualization.score_by_alpha": lambda: {"scores": {"a": {0.1: [1.0]}}},
    "visualization.score_by_temperature_and_min_scale": lambda: {"scores": {(1.0, 1.0): [1.0]}},
    "visualization.score_by_update_period": lambda: {"scores": {1: [1.0]}, "steps_per_epoch": 1},
    "visualization.scores_by_method": lambda: {"scores": {"a": {"b": {"c": [1.0]}}}},
    "visualization.similarity_evolution": lambda: {
        **{"epochs": [1], "history": [TRANSITION], "class_names": NAMES, "classes": [0]},
    },
    "visualization.training_by_noise_rate": lambda: {"histories": {"a": {0.2: history()}}},
    "visualization.transition_matrix": lambda: {"transition": TRANSITION, "class_names": NAMES},
}
# Methods that take data or settings: `(bound method, valid arguments)`.
METHODS = {
    "ClassSimilarities.subset": lambda: (similar().subset, {"classes": ["a", "b"]}),
    "ClassSimilarities.substitute_teacher": lambda: (similar().substitute_teacher, {"num_classes": K}),
    "ClassSimilarities.save": lambda: (similar().save, {"path": "nowhere"}),
    "ClassSimilarities.load": lambda: (similar().load, {"path": "nowhere"}),
    "Dataset.relabelled": lambda: (dataset().relabelled, {"suspects": suspected()}),
    "Dataset.without": lambda: (dataset().without, {"suspects": suspected()}),
    "Suspects.figure": lambda: (suspected().figure, {"images": np.ones([N, 4, 4])}),
    "EstimatedTransition.check": lambda: (estimated().check, {"clean": LABELS, "observed": OBSERVED}),
    "ExpectedCalibrationError.update_state": lambda: (
        metrics.ExpectedCalibrationError().update_state,
        {"y_true": LABELS, "y_pred": PROBABILITIES},
    ),
}
# Public callables that are not in the table above, and the reason.
LEFT_OUT = {
    "callbacks.BackupAndRestore": "its folder has tests of its own",
    "cross_predict": "it trains models and makes folders; its arguments have tests of their own",
    "datasets.clothing1m.Clothing1M": "a record that a function returns",
    "distributions.LogisticNormal": "its arguments are converted like those of every distribution of TFP",
    "estimation.TrustedCheck": "a record that a function returns",
    "losses.LossSummary": "a record that a function returns",
    "losses.TopRows": "a record, which the functions that read it check",
    "metrics.RankCorrelation": "a record that a function returns",
    "metrics.ReliabilityCurve": "a record that a function returns",
    "pipeline.Batches": "a record that a function returns",
    "pipeline.prepare": "a step of `tf.data.Dataset.map`, of symbolic tensors",
    "pipeline.to_float": "a step of `tf.data.Dataset.map`, of symbolic tensors",
    "search.SearchResult": "a record that a function returns",
    "search.Trial": "a record that a function returns",
    "search.choose_loss": "it trains models and makes folders; its arguments have tests of their own",
    "wrappers.SKLearnClassifier": "scikit-learn's `clone` hands arguments on unchecked; `fit` has tests of its own",
}
# Callables that read files which this machine does not have.
NEED_FILES = {"datasets.cifar10h.load", "datasets.class_names", "datasets.clothing1m.load", "datasets.stream"}
# Arguments that are passed on unchecked, with the library that checks them.
HANDED_ON = {
    **dict.fromkeys(["name", "dtype", "reduction", "kwargs"], "Keras"),
    **dict.fromkeys(["title", "label", "ylabel"], "matplotlib, which writes whatever it is given"),
    "split": "TensorFlow Datasets",
}

# Values that are valid as paths, so that the error says that no such file exists.
NO_SUCH_PLACE = {"text", "nowhere"}
# Other names that an error may use: a part of the argument, or the array that does not match it.
ALSO_NAMED = {
    "histories": ("rate",),
    "labels": ("logits", "probabilities_by_method"),
    "scores": ("steps", "alpha"),
}
_ANY_NUMBER = ("-1", "0", "0.5", "2**63")
# Nonsense that is accepted, by reason, then by `argument` or `callable.argument`; "inside" means that it replaces the
# first value in a dict, list or tuple.
ACCEPTED = {
    "a number that is in the argument's range": {
        **dict.fromkeys(
            ["alpha", "average_decay", "distillation_weight", "forget_rate", "label_weight", "momentum", "rate", "t1"]
            + ["validation_share"],
            ("0", "0.5"),
        ),
        **dict.fromkeys(
            ["epsilon", "step_size", "gamma", "hard_gamma", "sigma", "weight", "hint_weight", "prior_weight", "beta"],
            ("0", "0.5", "2**63"),
        ),
        **dict.fromkeys(
            ["learning_rate", "weight_decay"],
            ("0", "0.5", "2**63"),
        ),
        **dict.fromkeys(
            ["temperature", "trust_coefficient", "timeout", "Mixup.alpha"],
            ("0.5", "2**63"),
        ),
        **dict.fromkeys(
            ["percentile", "min_probability", "q", "target_smoothing", "freeze_above", "label_decay"], ("0.5",)
        ),
        **dict.fromkeys(["correct_probability"], ("0.5",)),
        **dict.fromkeys(["num_steps", "ramp_steps", "seed", "pad", "mixup", "Cluster.index"], ("0",)),
        "inside min_scales": ("0.5", "2**63"),
        "ignore_class": ("-1", "0"),
    },
    "a number that the case of a loss says is right": {
        f"{type(case.build(K)).__name__}.{argument}": keys
        for case in LOSSES_UNDER_TEST.values()
        for argument, keys in case.accepts.items()
    },
    "a bool where one is asked for": dict.fromkeys(
        [
            "non_negative",
            "hard",
            "per_sample",
            "identity",
            "exact",
            "adapt_vectors",
            "drop_remainder",
            "impute",
            "with_ids",
        ],
        ("True",),
    ),
    "a path, or text for a log": dict.fromkeys(["log_dir", "barrier.at"], ("text",)),
    "an array of names": dict.fromkeys(["class_names", "classes"], ("strings",)),
    "distributions over seven classes": dict.fromkeys(
        ["from_anchors.probabilities", "apply_temperature.probabilities", "draw_labels.distributions"], ("wrong width",)
    ),
    "features and logits may be negative": dict.fromkeys(
        [
            *["Examples.features", "from_arrays.features", "from_votes.features"],
            *["MarginHistory.features", "logit_gaps.logits"],
        ],
        ("negative",),
    ),
    "another class of the same superclass": {"inside superclasses": ["0", "True"]},
    "no pair: no noise": {"from_pairs.pairs": ["{}"]},
    "numbers to draw, whatever they are": {
        **dict.fromkeys(
            [f"inside {name}" for name in ("histories", "history", "loc", "scores", "epochs")], _ANY_NUMBER
        ),
        "inside separators": ("-1", "0.5", "2**63"),
    },
    "logits may be negative": {"inside logit_gap_densities.logits": ["negative"]},
    "NumPy takes True among numbers for 1": dict.fromkeys(
        [
            *[f"inside {name}" for name in ("support", "pairs", "histories", "history", "separators", "loc")],
            *[f"inside {name}" for name in ("scores", "epochs", "min_scales")],
        ],
        ("True",),
    ),
    "nothing was measured": dict.fromkeys(
        ["inside learning_curves.history", "inside training_by_noise_rate.histories"],
        ("None", "NaN"),
    ),
    "the name of a class may be any text": {"inside class_names": ["text", "empty text"]},
    "a count of none, a first class": dict.fromkeys(["inside support", "inside classes"], ("0",)),
}


@functools.cache
def teacher():
    return keras.Sequential([keras.Input([4]), keras.layers.Dense(K)])


def similar():
    return tfp_noise.similarities.ClassSimilarities(TRANSITION, NAMES)


def estimated():
    return tfp_noise.estimation.EstimatedTransition(TRANSITION, [1, 2, 3])


def suspected():
    return tfp_noise.suspects.Suspects(**_SUSPECTS, joint=TRANSITION)
