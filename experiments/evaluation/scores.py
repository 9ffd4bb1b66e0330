"""Scores of a trained model, by clean labels."""

import dataclasses

import numpy as np
from sklearn.metrics import confusion_matrix

from tfp_noise import metrics, noise, pipeline

_SAMPLE = 5_000
PREDICTION_BATCH = 1_000
_LARGEST_MATRIX = 20  # classes; a result is a file to be read


def evaluate(model, data):
    """Return the scores of a trained model.

    The scaled scores are those at the temperature that fits the held-out labels. These are noisy, like all labels that
    a user would have; the scaled scores show what such a temperature is worth for clean labels.

    Args:
        model: a `NoisyLabelClassifier`.
        data: the noisy `Dataset` of the run.

    Returns:
        A dict of scores (accuracies from 0 to 1, NLL in nats; `None` for those that need true training labels if
        nobody knows them), and the test probabilities `[n, num_classes]`.
    """
    train, validation, test = (predict(model, split) for split in (data.train, data.validation, data.test))
    temperature = metrics.fit_temperature(validation, data.validation.training_labels)
    scaled = _calibration(metrics.apply_temperature(test, temperature), data.test.labels)
    scores = {
        "test_accuracy": metrics.accuracy(test, data.test.labels),
        **_calibration(test, data.test.labels),
        "temperature": temperature,
        **{f"{key}_scaled": value for key, value in scaled.items()},
        "validation_accuracy_observed": metrics.accuracy(validation, data.validation.training_labels),
        "train": split_accuracy(train, data.train),
        "train_effective_noise_rate": None if data.train.labels is None else data.effective_rate,
    }
    if hasattr(model.loss, "transition"):
        error = None if data.transition is None else np.abs(model.loss.transition - data.transition).mean()
        scores["transition_mean_absolute_error"] = error
        scores["transition_condition_number"] = noise.condition_number(model.loss.transition)
    return scores, test


def split_accuracy(probabilities, examples):
    """Return `metrics.split_accuracy`, or `None` under each of its keys if nobody knows the true labels.

    Args:
        probabilities: float `[n, num_classes]`.
        examples: a `datasets.Examples` with given labels.
    """
    if examples.labels is not None:
        return metrics.split_accuracy(probabilities, examples)
    as_if_true = dataclasses.replace(examples, labels=examples.observed)
    return dict.fromkeys(metrics.split_accuracy(probabilities, as_if_true))


def learned_rows(model, probabilities, labels):
    """Return the rows that a loss has learned, and the confusion matrix of the test split, as plain lists.

    Args:
        model: a `NoisyLabelClassifier`.
        probabilities: float `[n, num_classes]`, predictions for the test split.
        labels: int `[n]`, its clean labels.

    Returns:
        A dict with `class_rows` and `test_confusion` (counts, a row a true class); empty for a loss without such rows,
        and for more than 20 classes.
    """
    rows = getattr(model.loss, "class_rows", None)
    if not isinstance(rows, np.ndarray) or len(rows) > _LARGEST_MATRIX:
        return {}
    confusion = confusion_matrix(labels, probabilities.argmax(axis=1), labels=np.arange(len(rows)))
    return {"class_rows": rows.tolist(), "test_confusion": confusion.tolist()}


def predict(model, examples):
    """Return `model.predict` of a `datasets.Examples`, in its order."""
    return model.predict(pipeline.one_pass(examples, PREDICTION_BATCH), verbose=0)


def _calibration(probabilities, labels):
    return {
        "test_negative_log_likelihood": metrics.negative_log_likelihood(probabilities, labels),
        "test_brier_score": metrics.brier_score(probabilities, labels),
        "test_ece_15_bins": metrics.expected_calibration_error(probabilities, labels, num_bins=15),
        "test_ece_100_bins": metrics.expected_calibration_error(probabilities, labels, num_bins=100),
        "test_classwise_ece": metrics.classwise_calibration_error(probabilities, labels),
        "test_adaptive_ece": metrics.adaptive_calibration_error(probabilities, labels),
    }


def sample(examples):
    """Return at most 5,000 of a `datasets.Examples`, evenly spread, the same each time."""
    return examples.take(np.linspace(0, len(examples) - 1, min(len(examples), _SAMPLE)).round().astype(int))
