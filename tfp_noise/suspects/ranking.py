"""Ranking of examples by how suspicious their given labels are."""

import warnings

import numpy as np
from numpy.typing import ArrayLike

from tfp_noise import _positions, _validation
from tfp_noise._confident_joint import confident_joint
from tfp_noise._validation import wording
from tfp_noise.suspects._posterior import Posterior, sums_by_label, tempered
from tfp_noise.suspects._scores import BY_PREDICTION, entries
from tfp_noise.suspects.record import Suspects

_BY_POSTERIOR = "confident_joint"
_ENTRIES_FOR_TEMPERATURE = 2**22  # of the predictions, evenly spaced; one number is fitted to them
_CURE = (
    "Are these logits? Pass their softmax: `keras.ops.softmax(logits)`, or `NoisyLabelClassifier.predict`, which gives "
    "probabilities. If they are percentages or rounded, divide each row by its sum."
)


def rank(probabilities: ArrayLike, labels: ArrayLike, score: str | ArrayLike = "self_confidence") -> Suspects:
    """Finds the examples whose given labels look wrong.

    With `p` the predicted probabilities of an example and `y` its given label, the scores are:

    - `"self_confidence"`: `p_y`.
    - `"normalized_margin"`: `(p_y - max_{k != y} p_k + 1) / 2`.
    - `"confidence_weighted_entropy"`: `log(1 + x) / x` with `x = H(p) / (p_y log K)` and `H` the entropy in nats.
    - `"confident_joint"`: `q_y T_yy / sum_j q_j T_jy`, the probability that `y` is the true class by Bayes' rule. `T`
      is the transition from true to given labels that the confident joint implies, smoothed by Laplace's rule, and `q`
      the probabilities of the true class that it makes of `p`. It is the one to take where certain classes are mistaken
      for certain others.

    The number of wrong labels is estimated by the sum of the probabilities that a label is wrong, whichever score is
    asked for, and the number of each pair of classes by the other terms of Bayes' rule. There `q` is raised to the
    power at which the given labels are most likely: networks that learn from noisy labels give their most probable
    class a probability that is lower, or higher, than the fraction of examples for which it is the true one. The
    estimate is too high where the model is wrong about many examples that are labelled correctly.

    So many examples with the lowest scores are suspects, without those whose given label is itself the suggested class:
    the most probable one by `p`, for `"confident_joint"` by `q`.

    The predictions must be of models that were not trained on the examples that they predict: `cross_predict`. Robust
    losses that do not memorise wrong labels are an exception. The probabilities are read in chunks: beside them it
    takes memory for a few numbers an example, and about 100 MB (200 MB for float64) for one chunk.

    Args:
        probabilities: float `[n, K]`, predictions for the examples; rows sum to 1. Of a model with a label at each
            position, such as a pixel, `[n, ..., K]`: each position counts as an example.
        labels: int `[n]` or `[n, ...]`, the given labels in `[0, K)`, of at least two classes.
        score: name of the score; or float `[n]` or `[n, ...]`, numbers of any size of which low ones are suspicious,
            such as `MarginHistory.area_under_margin`. They are scaled to [0, 1], the lowest to 0, the highest to 1.

    Returns:
        A `Suspects`, in the order of the examples. With a label at each position, `score.reshape(labels.shape)` and
        `is_suspect.reshape(labels.shape)` are maps, and means of them scores of examples.

    Raises:
        TypeError, ValueError: if the rows are no distributions, the labels do not fit or are of one class only, the
            score is unknown, or columns of pandas have one index in two orders.

    Warns:
        UserWarning: if every label is the most probable class, as for a model that has memorised them; or if so few are
            that the most frequent class, or the same rows in a random order, would predict the labels as well.

    Example:
        >>> p = np.array(4 * [[0.9, 0.1]] + 4 * [[0.2, 0.8]])
        >>> suspects = rank(p, np.array([0, 0, 1, 0, 1, 1, 1, 1]))
        >>> suspects.estimated_count, np.flatnonzero(suspects.is_suspect).tolist(), suspects.suggested[2].item()
        (1, [2], 0)

    References:
        Northcutt, Jiang, Chuang, "Confident learning: estimating uncertainty in dataset labels", 2021, Eq. 1 to 3: the
        confident joint and its calibration. Departures: there the joint itself counts the wrong labels; the posterior
        that it implies comes nearer to their true number on nearly all measured sets. And it prunes by class or by pair
        of classes; the lowest scores of all are flagged here, because the measured recall is mostly higher, at about
        the same precision. `results/suspects/table.md` of the project has the numbers.
        Kuan, Mueller, "Model-agnostic label quality scoring to detect real-world label errors", 2022: the first three
        scores. Departure: `log(1 + x) / x` maps the weighted entropy to [0, 1].
    """
    name = _validation.check_choice("score", score, (*BY_PREDICTION, _BY_POSTERIOR)) if isinstance(score, str) else ""
    _validation.check_one_order({"probabilities": probabilities, "labels": labels, "score": score})
    predicted, given = _checked(probabilities, labels)
    (n, num_classes), dtype = predicted.shape, np.result_type(predicted, np.float32)
    bayes = Posterior(confident_joint(predicted, given)[1])
    some = slice(None, None, -(-predicted.size // _ENTRIES_FOR_TEMPERATURE))
    temperature = bayes.temperature(bayes.true_classes(predicted[some].astype(dtype, copy=False)), given[some])
    scores = np.empty(n) if name else _scaled(score, n)
    suggested, joint = np.empty(n, np.int64), np.zeros([num_classes] * 2)
    agreed, predicted_counts = 0, np.zeros(num_classes, np.int64)
    for part in _validation.row_chunks(predicted):
        rows, own = predicted[part].astype(dtype, copy=False), given[part]
        true, most_probable = bayes.true_classes(rows), rows.argmax(axis=1)
        joint += sums_by_label(bayes.given(tempered(true, temperature), own), own)
        agreed += int(np.sum(most_probable == own))
        predicted_counts += np.bincount(most_probable, minlength=num_classes)
        if name == _BY_POSTERIOR:
            scores[part], suggested[part] = entries(bayes.given(true, own), own), true.argmax(axis=1)
        else:
            suggested[part] = most_probable
            if name:
                scores[part] = BY_PREDICTION[name](rows, own)
    _warn_of_agreement(agreed, np.bincount(given, minlength=num_classes), predicted_counts)
    scores = np.clip(scores, 0, 1)  # rows may sum to a little more than 1
    is_suspect = np.zeros(n, bool)
    is_suspect[np.argsort(scores, kind="stable")[: round(joint.sum() - np.trace(joint))]] = True
    return Suspects(given, suggested, scores, is_suspect & (suggested != given), joint)


def _warn_of_agreement(agreed, given, predicted):
    """Warns of predictions that agree with all labels, or with no more of them than chance.

    Args:
        agreed: int, how many labels are the most probable class.
        given: int `[K]`, number of labels of each class.
        predicted: int `[K]`, number of examples for which each class is the most probable one.
    """
    n, most_frequent = given.sum(), given.max()
    g, p = given / n, predicted / n
    mean = g @ p  # of the fraction that agrees, over all orders of the rows; its variance is `variance / (n - 1)`
    variance = mean + mean**2 - (g * p) @ (g + p)
    by_chance = int(n * mean + 2 * n * np.sqrt(max(variance, 0) / (n - 1)))
    if agreed == n:
        warnings.warn(
            "`probabilities` should be of models that were not trained on these labels. Received: predictions that "
            "agree with every label, as of a model that has memorised them. Predict out of sample: `cross_predict`.",
            stacklevel=3,
        )
    elif agreed <= max(most_frequent, by_chance):
        warnings.warn(
            "`probabilities` should predict the given labels better than chance. Received: predictions that agree with "
            f"{agreed} of {n} labels, where the most frequent class alone agrees with {most_frequent}, and rows in a "
            f"random order with up to {by_chance}. Are the rows in the order of the labels? If they are, the model has "
            "learned too little for the estimate to mean anything: train longer, or take another model.",
            stacklevel=3,
        )


def _checked(probabilities, labels):
    """The predictions and their labels, int64, of one length and at least two classes; positions become examples."""
    probabilities, labels = _positions.as_examples(probabilities, labels)
    predicted = _validation.check_distribution_rows("probabilities", probabilities, _CURE)
    no_label = wording.NO_LABEL_BESIDE_PREDICTIONS
    given = _validation.check_labels("labels", labels, predicted.shape[1], no_label=no_label).astype(np.int64)
    if len(given) != len(predicted):
        raise ValueError(
            f"`labels` must be as many as `probabilities`, {len(predicted)}. Received: {len(given)}. Pass the "
            "labels of the examples that were predicted, in their order. Were examples left out of one of the two only?"
        )
    if np.all(given == given[0]):
        raise ValueError(
            f"`labels` must be of at least two classes. Received: class {given[0]} only. A wrong label shows by being "
            "of another class than the examples that look alike."
        )
    return predicted, given


def _scaled(score, n):
    """A user's own scores as float64 `[n]` in [0, 1]."""
    scores = _validation.as_numbers("score", score).astype(np.float64).reshape(-1)
    if len(scores) != n:
        raise ValueError(
            f"`score` must be the name of a score, or a number for each of the {n} labels. Received: {len(scores)} "
            "numbers. Score the examples of `labels`, in their order."
        )
    _validation.check_finite("score", scores, "example")
    lowest, highest = scores.min(), scores.max()
    return (scores - lowest) / (highest - lowest) if highest > lowest else np.ones(n)
