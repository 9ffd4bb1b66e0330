"""Losses with settings that change what they keep or how they train, for tests that need no oracle."""

import keras

from tests.helpers.loss_oracles import random_transition
from tests.helpers.losses_under_test import LOSSES_UNDER_TEST
from tfp_noise import losses

ANNEALED = keras.optimizers.schedules.PolynomialDecay(2.0, 10, 0.1)
FURTHER_SETTINGS = {
    "backward_non_negative": lambda k, **kwargs: losses.BackwardCorrection(
        k, random_transition(k), non_negative=True, **kwargs
    ),
    "logistic_normal_annealed": lambda k, **kwargs: losses.LogisticNormal(k, min_scale=ANNEALED, **kwargs),
    "online_steps": lambda k, **kwargs: losses.OnlineLabelSmoothing(
        k, update_period=2, unseen="kept", freeze_above=0.9, **kwargs
    ),
    "online_steps_top": lambda k, **kwargs: losses.OnlineLabelSmoothing(k, update_period=2, top=2, **kwargs),
    "online_per_sample": lambda k, **kwargs: losses.OnlineLabelSmoothing(
        k, update_period=1, unseen="kept", per_sample=True, **kwargs
    ),
    "learnable_rate": lambda k, **kwargs: losses.LearnableLabelSmoothing(
        k, learning_rate=0.5, weight_decay=False, **kwargs
    ),
    "learnable_terms": lambda k, **kwargs: losses.LearnableLabelSmoothing(
        k, terms=["forward_cross_entropy", "target_entropy"], **kwargs
    ),
    "learnable_variant": lambda k, **kwargs: losses.LearnableLabelSmoothing(k, variant="label_smoothing++", **kwargs),
}


def several_labels(*cases):
    """A function that builds the loss of as many labels as there are classes, by one case or a case a label in turn."""

    def build(num_labels, dtype=None, **kwargs):
        each = [LOSSES_UNDER_TEST[name].build(2, dtype=dtype) for name in cases]
        each = each[0] if len(each) == 1 else [each[label % len(each)] for label in range(num_labels)]
        return losses.MultiLabel(each, num_labels, **kwargs)

    return build


# Losses of several labels an example, for tests that give no labels.
OF_SEVERAL_LABELS = {
    "multi_label": several_labels("cross_entropy"),
    "multi_label_forward": several_labels("forward"),
    "multi_label_logistic_normal": several_labels("logistic_normal"),
    "multi_label_each": several_labels("cross_entropy", "generalized_cross_entropy"),
}
