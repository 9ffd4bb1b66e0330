"""The losses under test: each in several settings, with an independent float64 oracle for its value."""

import dataclasses
import functools
from collections.abc import Callable, Mapping, Sequence

import keras
import numpy as np
import pytest
from scipy import linalg, special, stats

from tests.helpers.loss_oracles import (
    SameSeed,
    cross_entropy,
    entropy,
    forward,
    heteroscedastic_logits,
    heteroscedastic_noise,
    heteroscedastic_points,
    learnable_logits,
    random_matrix,
    random_transition,
    smearing,
    smoothing,
    tempered_softmax,
)
from tfp_noise import losses
from tfp_noise._random import draw_seed, standard_normal, uniform

NUM_EXAMPLES = 512  # that a loss remembers: more than any test has


@dataclasses.dataclass(frozen=True)
class Case:
    """A loss and its value by another way.

    `build(num_classes, **kwargs)` gives the loss; `oracle(targets, outputs)` its value `[batch]` in float64. A loss
    that draws noise has always the same. `accepts` names, by argument, values of `NONSENSE` that are right ones. A loss
    that `has_state` exists on the TensorFlow backend only. Where a part of the loss has no gradient,
    `near(targets, outputs, start)` is the value with that part as it is at the outputs `start`.
    """

    build: Callable
    oracle: Callable
    accepts: Mapping[str, Sequence[str]] = dataclasses.field(default_factory=dict)
    has_state: bool = False
    near: Callable | None = None

    def value_near(self, targets, outputs, start):
        return self.oracle(targets, outputs) if self.near is None else self.near(targets, outputs, start)


def backward(min_probability=1e-7):
    def oracle(targets, outputs):
        weights = targets @ np.linalg.inv(random_transition(targets.shape[1]))
        return -np.sum(weights * np.log(np.clip(special.softmax(outputs, axis=1), min_probability, 1)), axis=1)

    return Case(
        lambda k, **kwargs: losses.BackwardCorrection(k, random_transition(k), min_probability, **kwargs), oracle
    )


def logistic_normal(covariance="low_rank", rank=1, dummy_class=True, temperature=1.0, min_scale=0.5, t=0.01):
    def oracle(targets, outputs):
        """The density of SciPy's Gaussian at the target's logits, times the Jacobian of the softmax-centred map."""
        if dummy_class:
            targets = np.pad(targets, [(0, 0), (0, 1)])
        m = targets.shape[1]
        n = m - 1
        targets = (1 - t) * targets + t / m
        values = []
        for s, row in zip(targets, outputs, strict=True):
            loc, raw = row[:n], row[n:]
            scale = {
                "identity": lambda: np.eye(n),
                "isotropic": lambda c=raw: (c[0] ** 2 + min_scale) * np.eye(n),
                "diagonal": lambda c=raw: np.diag(c**2 + min_scale),
                "low_rank": lambda c=raw: c.reshape(n, rank) @ c.reshape(n, rank).T + min_scale * np.eye(n),
            }[covariance]()
            z = temperature * np.log(s[:n] / s[n])
            gaussian = stats.multivariate_normal(loc, scale @ scale.T, allow_singular=False).logpdf(z)
            values.append(-(gaussian + n * np.log(temperature) - 0.5 * np.log(m) - np.log(s).sum()))
        return np.array(values)

    settings = {"covariance": covariance, "rank": rank, "dummy_class": dummy_class, "temperature": temperature}
    settings |= {"min_scale": min_scale, "target_smoothing": t}
    return Case(lambda k, **kwargs: losses.LogisticNormal(k, **settings, **kwargs), oracle)


def generalized_cross_entropy(q):
    def oracle(targets, outputs):
        return np.sum(targets * (1 - special.softmax(outputs, axis=1) ** q) / q, axis=1)

    return Case(lambda k, **kwargs: losses.GeneralizedCrossEntropy(k, q, **kwargs), oracle)


def bi_tempered(t1, t2, num_iterations=5):
    def oracle(targets, outputs):
        p = tempered_softmax(outputs, t2)
        tempered_log = np.log(p) if t1 == 1 else (p ** (1 - t1) - 1) / (1 - t1)
        return -np.sum(targets * tempered_log, axis=1) - (1 - np.sum(p ** (2 - t1), axis=1)) / (2 - t1)

    return Case(lambda k, **kwargs: losses.BiTempered(k, t1, t2, num_iterations, **kwargs), oracle)


def noise_against_noise(sigma, seed):
    def build(num_classes, **kwargs):
        loss = losses.NoiseAgainstNoise(num_classes, sigma, seed=seed, **kwargs)
        loss.seed_generator = SameSeed(seed)
        return loss

    def oracle(targets, outputs):
        noise = standard_normal(draw_seed(SameSeed(seed)), outputs.shape)
        return cross_entropy(targets + sigma * np.asarray(noise, "float64"), outputs)

    return Case(build, oracle)


def heteroscedastic(temperature=1.0, rank=0, count=7, seed=0, shared=True):
    noise_of = heteroscedastic_points if shared else heteroscedastic_noise

    def build(num_classes, **kwargs):
        counts = {"train_points" if shared else "train_samples": count, "test_samples": count}
        loss = losses.Heteroscedastic(num_classes, temperature, rank, seed=seed, **counts, **kwargs)
        loss.seed_generator = SameSeed(seed)
        return loss

    def oracle(targets, outputs):
        noise = noise_of((len(outputs), count, targets.shape[1]), rank, seed=seed)
        logits = heteroscedastic_logits(outputs, noise)
        return -np.sum(targets * np.log(special.softmax(logits / temperature, axis=-1).mean(1)), axis=1)

    return Case(build, oracle)


def bootstrap(beta, hard):
    def oracle(targets, outputs):
        p = special.softmax(outputs, axis=1)
        itself = np.eye(p.shape[1])[p.argmax(1)] if hard else p
        return cross_entropy(beta * targets + (1 - beta) * itself, outputs)

    return Case(lambda k, **kwargs: losses.Bootstrap(k, beta, hard, **kwargs), oracle)


def symmetric_cross_entropy(alpha, beta):
    def oracle(targets, outputs):
        reverse = -np.sum(special.softmax(outputs, axis=1) * np.log(np.clip(targets, 1e-4, 1)), axis=1)
        return alpha * cross_entropy(targets, outputs) + beta * reverse

    build = functools.partial(losses.SymmetricCrossEntropy, alpha=alpha, beta=beta)
    return Case(build, oracle, accepts={"alpha": ["2**63"]})


def active_passive(active, passive, weights, gamma=None):
    def oracle(targets, outputs):
        p = special.softmax(outputs, axis=1)
        each = -((1 - p) ** {"focal": gamma or 0.5, "nfl": gamma or 0.5}.get(active, 0)) * np.log(p)
        value = np.sum(targets * each, axis=1)
        if active in ("nce", "nfl"):
            value /= each.sum(1)
        distances = np.abs(p[:, None] - np.eye(p.shape[1])).sum(2)  # of each prediction to each class
        return weights[0] * value + weights[1] * {"mae": 1, "rce": 2}[passive] * np.sum(targets * distances, axis=1)

    build = functools.partial(losses.ActivePassive, active=active, passive=passive, weights=weights, gamma=gamma)
    return Case(build, oracle)


def active_negative(active, weights, min_probability=1e-7, gamma=None, entropy_weight=0.0):
    def oracle(targets, outputs):
        k = targets.shape[1]
        lowest, power = min_probability, {"nce": 0}.get(active, gamma or 0.5)

        def each(p):
            return -((1 - p) ** power) * np.log(p)

        p = special.softmax(outputs, axis=1)
        flipped = each(lowest) - each(np.maximum(p, lowest))
        active_values, negative_values = (np.empty(targets.shape) for _ in range(2))
        for y in range(k):
            others = [j for j in range(k) if j != y]
            active_values[:, y] = each(p)[:, y] / each(p).sum(1)
            negative_values[:, y] = flipped[:, others].sum(1) / flipped.sum(1)
        value = np.sum(targets * (weights[0] * active_values + weights[1] * negative_values), axis=1)
        return value + entropy_weight * (np.log(k) - stats.entropy(p.mean(0)))

    settings = {"min_probability": min_probability, "gamma": gamma, "entropy_weight": entropy_weight}
    build = functools.partial(losses.ActiveNegative, active=active, weights=weights, **settings)
    return Case(build, oracle, accepts={"entropy_weight": ["0", "0.5", "2**63"]})


def jensen_shannon(weight, views=1):
    def oracle(targets, outputs):
        """The entropy of the mixture less the mean entropy of its parts."""
        parts = [targets, *(special.softmax(logits, axis=1) for logits in np.split(outputs, views, axis=1))]
        weights = [weight] + [(1 - weight) / views] * views
        of_mixture = stats.entropy(sum(w * part for w, part in zip(weights, parts, strict=True)), axis=1)
        of_parts = sum(w * stats.entropy(part, axis=1) for w, part in zip(weights, parts, strict=True))
        return (of_mixture - of_parts) / -special.xlogy(1 - weight, 1 - weight)

    return Case(lambda k, **kwargs: losses.JensenShannon(k, weight, views, **kwargs), oracle)


def bounded_forward(bound=None):
    def oracle(targets, outputs):
        lowest = stats.entropy(random_transition(targets.shape[1]), axis=1).mean() if bound is None else bound
        values = forward(targets, outputs)
        return values if values.mean() >= lowest else 2 * lowest - values

    def build(num_classes, **kwargs):
        return losses.BoundedForwardCorrection(num_classes, random_transition(num_classes), bound, **kwargs)

    return Case(build, oracle, accepts={"bound": ["0", "0.5", "2**63"]})


def logit_clip(inner, max_norm):
    """Around the loss of another case."""

    def build(num_classes, name="logit_clip", **kwargs):
        return losses.LogitClip(inner.build(num_classes, **kwargs), max_norm, name=name)

    def oracle(targets, outputs):
        norms = np.linalg.norm(outputs, axis=1, keepdims=True)
        return inner.oracle(targets, np.where(norms > max_norm, max_norm * outputs / norms, outputs))

    return Case(build, oracle, accepts={"max_norm": ["0.5", "2**63"]})


def disturb_label(rate, seed):
    def build(num_classes, **kwargs):
        loss = losses.DisturbLabel(num_classes, rate, seed=seed, **kwargs)
        loss.seed_generator = SameSeed(seed)
        return loss

    def oracle(targets, outputs):
        draws = uniform(draw_seed(SameSeed(seed)), [len(targets), 2]).numpy().astype("float64")
        disturbed = targets.copy()
        for row, (chance, place) in zip(disturbed, draws, strict=True):
            if chance < rate:
                row[:] = np.arange(len(row)) == int(place * len(row))
        return cross_entropy(disturbed, outputs)

    return Case(build, oracle)


def pairwise_confusion(weight):
    def oracle(targets, outputs):
        p, n = special.softmax(outputs, axis=1), len(outputs)
        value = cross_entropy(targets, outputs)
        for i in range(n):
            j = (i + n // 2) % n
            agree = sum(targets[i, k] * targets[j, k] for k in range(p.shape[1]))
            value[i] += 0.5 * weight * (1 - agree) * np.linalg.norm(p[i] - p[j]) ** 2
        return value

    return Case(lambda k, **kwargs: losses.PairwiseConfusion(k, weight, **kwargs), oracle)


def teacher_free(alpha, temperature, correct, variant):
    def oracle(targets, outputs):
        k = targets.shape[1]
        teachers = np.full((k, k), (1 - correct) / (k - 1))
        np.fill_diagonal(teachers, correct)
        paper = variant == "paper"
        u = targets @ special.softmax((np.log(teachers) if paper else teachers) / temperature, axis=1)
        divergence = stats.entropy(u, special.softmax(outputs / (temperature if paper else 1), axis=1), axis=1)
        return (1 - alpha) * cross_entropy(targets, outputs) + alpha * divergence

    return Case(
        lambda k, **kwargs: losses.TeacherFree(k, alpha, temperature, correct, variant=variant, **kwargs), oracle
    )


def focal(gamma, hard_gamma=None):
    def oracle(targets, outputs):
        p = special.softmax(outputs, axis=1)
        exponent = gamma if hard_gamma is None else np.where(p < 0.2, hard_gamma, gamma)
        return -np.sum(targets * (1 - p) ** exponent * np.log(p), axis=1)

    return Case(lambda k, **kwargs: losses.Focal(k, gamma, hard_gamma=hard_gamma, **kwargs), oracle)


def confidence_penalty(beta):
    def oracle(targets, outputs):
        return cross_entropy(targets, outputs) - beta * entropy(outputs)

    return Case(lambda k, **kwargs: losses.ConfidencePenalty(k, beta, **kwargs), oracle)


def shifted_gaussian_noise(label_decay, average_decay=0.9, t=0.001):
    """Without a shift, as a call of the loss is; training with it has tests of its own."""

    def oracle(targets, outputs):
        k = targets.shape[1]
        targets = np.log((1 - t) * targets + t / k) @ linalg.helmert(k).T
        scales = np.eye(k - 1) + outputs[:, k - 1 :, None] * outputs[:, None, k - 1 :]
        rows = zip(targets, outputs[:, : k - 1], scales @ scales, strict=True)
        return np.array([-stats.multivariate_normal(loc, covariance).logpdf(z) for z, loc, covariance in rows])

    settings = {"label_decay": label_decay, "average_decay": average_decay, "target_smoothing": t}
    build = functools.partial(losses.ShiftedGaussianNoise, **settings)
    return Case(build, oracle, has_state=label_decay < 1)


def zipf_label_smoothing(weight):
    def oracle(targets, outputs):
        """Class by class as the label, with SciPy's ranks."""
        value, k = cross_entropy(targets, outputs), targets.shape[1]
        for y in range(k):
            others = np.arange(k) != y
            law = 1 / stats.rankdata(-outputs, method="min", axis=1)[:, others]
            value += weight * targets[:, y] * stats.entropy(law, special.softmax(outputs[:, others], axis=1), axis=1)
        return value

    return Case(functools.partial(losses.ZipfLabelSmoothing, weight=weight), oracle)


def online(top=None):
    """At its start, where rows are smoothed: what it learns has tests of its own."""

    def oracle(targets, outputs):
        num_classes = targets.shape[1]
        rows = (0.9 * np.eye(num_classes) + 0.1 / num_classes).astype("float32").astype("float64")
        if top:  # what is stored is what all other classes have together
            others = float(np.float32(0.1 / num_classes * (num_classes - top))) / (num_classes - top)
            rows = np.where(np.eye(num_classes), rows, others)
        return cross_entropy(0.3 * targets + 0.7 * targets @ rows, outputs)

    def build(num_classes, **kwargs):
        return losses.OnlineLabelSmoothing(num_classes, 0.3, top=top, initial="smoothed", **kwargs)

    return Case(build, oracle, has_state=True)


def learnable(top=None):
    """At its start: logits given, or with `top` zeros. (The variant's gradient is none of its value; see its tests.)"""

    def build(num_classes, **kwargs):
        start = learnable_logits(num_classes) if top is None else None
        return losses.LearnableLabelSmoothing(num_classes, 0.3, top, initial_logits=start, **kwargs)

    def oracle(targets, outputs):
        num_classes = targets.shape[1]
        rows = np.full([num_classes] * 2, 1 / num_classes)
        if top is None:
            rows = special.softmax(learnable_logits(num_classes).astype("float64"), axis=1)
        mixed, p = 0.7 * targets + 0.3 * targets @ rows, special.softmax(outputs, axis=1)
        return np.sum(special.rel_entr(mixed, p) + special.rel_entr(p, mixed), axis=1) / 2

    return Case(build, oracle, has_state=True)


def early_learning(beta, weight):
    """At its start, where nothing is remembered: what it remembers has tests of its own."""

    def near(targets, outputs, start):
        p, before = (np.clip(special.softmax(logits, axis=1), 1e-4, 1 - 1e-4) for logits in (outputs, start))
        target = (1 - beta) * before / before.sum(1, keepdims=True)
        return cross_entropy(targets, outputs) + weight * np.log(1 - np.sum(p * target, axis=1))

    return Case(
        lambda k, **kwargs: losses.EarlyLearning(k, NUM_EXAMPLES, beta, weight, **kwargs),
        lambda targets, outputs: near(targets, outputs, outputs),
        has_state=True,
        near=near,
    )


def pencil(backbone_epochs=0, joint_epochs=5, alpha=0.3, beta=0.2):
    """In its first epoch, of one phase or another: how labels change has tests of its own."""

    def oracle(targets, outputs):
        if backbone_epochs:
            return cross_entropy(targets, outputs)
        p, d = special.softmax(outputs, axis=1), special.softmax(3.0 * targets, axis=1)
        value = special.rel_entr(p, d).mean(1)
        if joint_epochs:
            value += alpha * cross_entropy(targets, d) + beta * special.entr(p).mean(1)
        return value

    own = {"backbone_epochs": backbone_epochs, "joint_epochs": joint_epochs, "initial_logit": 3.0}
    build = functools.partial(losses.PENCIL, num_examples=NUM_EXAMPLES, alpha=alpha, beta=beta, label_rate=2.0, **own)
    accepts = {"alpha": ["2**63"], "label_rate": ["0", "0.5", "2**63"], "initial_logit": ["0.5", "2**63"]}
    return Case(build, oracle, accepts | {"backbone_epochs": ["0"], "joint_epochs": ["0"]}, has_state=True)


LOSSES_UNDER_TEST = {
    "smearing": Case(lambda k, **kwargs: losses.LabelSmearing(k, random_matrix(k), **kwargs), smearing),
    "cross_entropy": Case(losses.CrossEntropy, cross_entropy),
    "smoothing": Case(lambda k, **kwargs: losses.LabelSmoothing(k, alpha=0.3, **kwargs), smoothing(0.3)),
    "backward": backward(),
    "backward_high_floor": backward(min_probability=0.05),
    "forward": Case(lambda k, **kwargs: losses.ForwardCorrection(k, random_transition(k), **kwargs), forward),
    "generalized_cross_entropy": generalized_cross_entropy(0.7),
    "generalized_cross_entropy_0.1": generalized_cross_entropy(0.1),
    "mean_absolute_error": generalized_cross_entropy(1.0),
    "bi_tempered": bi_tempered(0.5, 2.0),
    "bi_tempered_heavy_tail": bi_tempered(0.7, 4.0),
    "bi_tempered_more_steps": bi_tempered(0.7, 4.0, num_iterations=8),
    "bi_tempered_loss_alone": bi_tempered(0.0, 1.0),
    "bi_tempered_probabilities_alone": bi_tempered(1.0, 1.1),
    "noise_against_noise": noise_against_noise(0.5, seed=3),
    "bootstrap_soft": bootstrap(0.7, hard=False),
    "bootstrap_hard": bootstrap(0.8, hard=True),
    "symmetric_cross_entropy": symmetric_cross_entropy(0.1, 1.0),
    "symmetric_cross_entropy_cifar100": symmetric_cross_entropy(6.0, 0.1),
    "active_passive": active_passive("nce", "rce", (1.0, 1.0)),
    "active_passive_ce": active_passive("ce", "mae", (0.5, 2.0)),
    "active_passive_focal": active_passive("focal", "rce", (1.0, 0.1), gamma=2.0),
    "active_passive_nfl": active_passive("nfl", "mae", (10.0, 0.1)),
    "active_negative": active_negative("nce", (5.0, 5.0)),
    "active_negative_focal": active_negative("nfl", (10.0, 1.0), 1e-3, gamma=2.0),
    "active_negative_entropy": active_negative("nfl", (1.0, 2.0), entropy_weight=2.0),
    "jensen_shannon": jensen_shannon(0.5),
    "jensen_shannon_low": jensen_shannon(0.1),
    "jensen_shannon_high": jensen_shannon(0.9),
    "jensen_shannon_views": jensen_shannon(0.5, views=3),
    "bounded_forward": bounded_forward(),
    "bounded_forward_below": bounded_forward(bound=9.0),
    "logit_clip": logit_clip(Case(losses.CrossEntropy, cross_entropy), 1.5),
    "logit_clip_robust": logit_clip(generalized_cross_entropy(0.7), 2.0),
    "disturb_label": disturb_label(0.5, seed=7),
    "pairwise_confusion": pairwise_confusion(3.0),
    "teacher_free": teacher_free(0.3, 20.0, 0.99, "paper"),
    "teacher_free_cool": teacher_free(0.6, 2.0, 0.9, "paper"),
    "teacher_free_code": teacher_free(0.3, 20.0, 0.99, "code"),
    "focal": focal(3.0),
    "focal_below_one": focal(0.5),
    "flsd53": focal(3.0, hard_gamma=5.0),
    "confidence_penalty": confidence_penalty(0.4),
    "zipf": zipf_label_smoothing(0.1),
    "zipf_heavy": zipf_label_smoothing(2.0),
    "online": online(),
    "online_top": online(top=1),
    "learnable": learnable(),
    "learnable_top": learnable(top=1),
    "early_learning": early_learning(0.6, 2.0),
    "early_learning_cifar100": early_learning(0.9, 7.0),
    "pencil": pencil(),
    "pencil_first_phase": pencil(backbone_epochs=1),
    "pencil_last_phase": pencil(joint_epochs=0),
    "logistic_normal": logistic_normal(),
    "logistic_normal_tempered": logistic_normal(temperature=0.5, min_scale=0.1, t=0.1),
    "logistic_normal_rank3": logistic_normal(rank=3),
    "logistic_normal_no_dummy": logistic_normal(dummy_class=False),
    "logistic_normal_no_dummy_rank2": logistic_normal(dummy_class=False, rank=2, temperature=2.0),
    "logistic_normal_identity": logistic_normal("identity"),
    "logistic_normal_isotropic": logistic_normal("isotropic"),
    "logistic_normal_diagonal": logistic_normal("diagonal", min_scale=0.2),
    "shifted_gaussian": shifted_gaussian_noise(0.9),
    "shifted_gaussian_smooth": shifted_gaussian_noise(0.5, t=0.1),
    "shifted_gaussian_without_shift": shifted_gaussian_noise(1.0),
    "heteroscedastic": heteroscedastic(),
    "heteroscedastic_tempered": heteroscedastic(temperature=0.5, seed=5),
    "heteroscedastic_rank2": heteroscedastic(temperature=2.0, rank=2),
    "heteroscedastic_samples": heteroscedastic(temperature=0.5, seed=5, shared=False),
    "heteroscedastic_samples_rank2": heteroscedastic(temperature=2.0, rank=2, shared=False),
}


if keras.backend.backend() != "tensorflow":
    LOSSES_UNDER_TEST = {name: case for name, case in LOSSES_UNDER_TEST.items() if not case.has_state}


def first_of_class(named):
    """The first name of each class in `{name: loss}`: what is tried every day of what takes long."""
    return list({type(named[name]): name for name in reversed(named)}.values())


DAILY = first_of_class({name: case.build(3) for name, case in LOSSES_UNDER_TEST.items()})


def names_of_every_setting(daily=DAILY, names=LOSSES_UNDER_TEST):
    """Parameters for what trains or compiles: every day one setting of each class, in the long run all of them."""
    return [pytest.param(name, marks=[pytest.mark.torture] * (name not in daily)) for name in names]


def examples(loss, batch=6, seed=0):
    """Class indices, soft labels and outputs of moderate size, float64."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, loss.num_classes, batch)
    labels[:2] = [0, loss.num_classes - 1]
    soft = rng.dirichlet(np.full(loss.num_classes, 0.5), batch)
    return labels, soft, rng.normal(size=(batch, loss.num_outputs))


def with_ids(loss, labels, first=0):
    """Labels as the loss takes them: beside ids, which count from `first`, if it remembers each example."""
    return {"labels": labels, "ids": first + np.arange(labels.shape[0])} if loss.needs_ids else labels
