"""Rows of the tables as losses, with their authors' values, which the paper says it keeps and does not print.

The values are those of the code of this paper's authors: Bootstrap with 0.95 (soft) and 0.8 (hard) on the label,
DisturbLabel at 10 %, label smoothing of 0.1, symmetric cross-entropy with (alpha, beta) = (0.1, 1) on CIFAR-10 and
(6, 0.1) on CIFAR-100. Two rows are other losses here:

- Their pairwise confusion is not that of the paper it is from (a norm of logits over the batch, from epoch 200 on).
  Here it is that paper's, with the same weight of 10, from the start.
- "Tf-KD" is Yuan et al.'s loss and values, in the variant of their text. The numbers of Table VI were made by another
  form, "Tf-KD-code", which takes the virtual teacher's probabilities for logits, and has a temperature for each network
  (`teacher_free_of_code`). Paper LLS repeats them in its Table 1.

Yuan et al.'s two methods are "Tf-KD", their Tf-KD_reg, whose teacher is virtual, and "Tf-KD-self", whose teacher is the
run of cross-entropy. This paper quotes Tf-KD-self and gives no values; here they are what Yuan et al.'s code has for
ImageNet unless told otherwise: temperature 20, and 0.1 on the teacher. The loss behind that code is not published; here
it is `DistilledClassifier`'s, with the usual factor T^2. Their teacher is torchvision's network.

Self-distillation between two views ("Xu") and between depths ("BYOT") learns from class probabilities only: this paper
removes their terms of features. Weights and temperatures are those of public reimplementations: 1 and 3 for the views,
which are the crops and flips of the other rows; 0.1 and 3 for the depths, whose paper prints none.
"Arazo" is M-DYR-H of its authors, whose warm-up takes 105 of 300 epochs. "Han" corrects labels after as many, because
its paper starts from trained networks or after a number of epochs that it does not print for CIFAR-100.

"PENCIL" has the values of its authors' code for CIFAR-10, because that has no others, and phases in the proportion of
its 70, 130 and 120 epochs. That code trains at a learning rate of 0.06 and starts the last phase at 0.2; here the
learning rate is that of the other rows. "Ren" and "Meta-Weight-Net" are told the true labels of some validation
examples, on CIFAR of 1,000 as in their papers, and no other row is. On CIFAR these are all that are held out, so that
the temperature is chosen by the given labels of the same examples. They come in batches of 100 and are not augmented.
The learning rate of Meta-Weight-Net's weights is the default of `MetaWeightNet`, its authors'.
"""

import dataclasses

from experiments.evaluation.resolvers import CleanExamples, DrawnSeed, NumTrainingExamples, ShiftsAndFlips
from experiments.experiment import CROSS_ENTROPY, Method
from tfp_noise import (
    DepthDistillation,
    DistortionDistillation,
    DynamicBootstrap,
    LearningToReweight,
    MetaWeightNet,
    PrototypeCorrection,
    losses,
)

LABEL_SMOOTHING = Method("LS", losses.LabelSmoothing, {"alpha": 0.1})
ONLINE = Method("OLS", losses.OnlineLabelSmoothing, {"alpha": 0.5})
# In every comparison.
THREE = (CROSS_ENTROPY, LABEL_SMOOTHING, ONLINE)

_BOOTSTRAP = (
    Method("Bootsoft", losses.Bootstrap, {"beta": 0.95}),
    Method("Boothard", losses.Bootstrap, {"beta": 0.8, "hard": True}),
)
_SYMMETRIC = Method("SCE", losses.SymmetricCrossEntropy, {"alpha": 6.0, "beta": 0.1})
_SYMMETRIC_OF_TEN = Method("SCE", losses.SymmetricCrossEntropy, {"alpha": 0.1, "beta": 1.0})
_DISTURB = Method("Disturb", losses.DisturbLabel, {"rate": 0.1})
_CONFUSION = Method("PC", losses.PairwiseConfusion, {"weight": 10.0})
SELF_TAUGHT = dataclasses.replace(
    CROSS_ENTROPY, label="Tf-KD-self", distillation={"temperature": 20.0, "label_weight": 0.9}
)
_TEACHER_FREE = Method("Tf-KD", losses.TeacherFree, {"alpha": 0.1, "temperature": 20.0, "correct_probability": 0.99})

XU = dataclasses.replace(
    CROSS_ENTROPY,
    label="Xu",
    classifier=DistortionDistillation,
    training={"distortion": ShiftsAndFlips(pad=4), "weight": 1.0, "temperature": 3.0},
)
_FOUR_STAGES = ("stage1", "stage2", "stage3")
# The stages but the last, by network.
STAGES = {
    "resnet34": _FOUR_STAGES,
    "resnet50_small": _FOUR_STAGES,
    "resnet101_small": _FOUR_STAGES,
    "resnext29_2x64d": ("stage1", "stage2"),
    "resnext29_32x4d": ("stage1", "stage2"),
    "resnet50": ("conv2_block3_out", "conv3_block4_out", "conv4_block6_out"),  # of keras.applications
}

_TEMPERATURES = {"resnet50": 6.0, "mobilenet_v2": 40.0}
NETWORKS_OF_CODE = tuple(_TEMPERATURES)

ALL = (*THREE, *_BOOTSTRAP, _SYMMETRIC, _DISTURB, _CONFUSION)
ROBUST = (*THREE, *_BOOTSTRAP, _SYMMETRIC)
ROBUST_OF_TEN = (*THREE, *_BOOTSTRAP, _SYMMETRIC_OF_TEN)
IMAGENET = {"resnet50": (*THREE, *_BOOTSTRAP, _DISTURB, _TEACHER_FREE, SELF_TAUGHT), "resnet101": THREE}
FINE_GRAINED = (*THREE, _TEACHER_FREE)


def teacher_free_of_code(network, num_classes):
    """Return the form of Tf-KD that made the numbers of Table VI, and a factor.

    The authors' code has `0.05 CE + 0.95 KL / K`, because it averages the divergence over the K classes, too. That is
    `factor ((1 - alpha) CE + alpha KL)`.

    Args:
        network: one of `NETWORKS_OF_CODE`; of the others the temperatures are not known.
        num_classes: int, K.

    Returns:
        A `Method`, and the factor, a float.
    """
    label_weight, divergence_weight = 0.05, 0.95 / num_classes
    factor = label_weight + divergence_weight
    arguments = {"alpha": divergence_weight / factor, "temperature": _TEMPERATURES[network], "variant": "code"}
    return Method("Tf-KD-code", losses.TeacherFree, arguments), factor


def online(label, **changes):
    """Return online label smoothing with other arguments of its loss."""
    return Method(f"OLS-{label}", losses.OnlineLabelSmoothing, {**ONLINE.arguments, **changes})


def by_depth(network):
    """Return self-distillation between the depths of a network, with cross-entropy and with online label smoothing.

    Args:
        network: a key of `STAGES`.
    """
    training = {"stages": STAGES[network], "distillation_weight": 0.1, "temperature": 3.0, "hint_weight": 0.0}
    return [
        dataclasses.replace(method, label=label, classifier=DepthDistillation, training=training)
        for label, method in {"BYOT": CROSS_ENTROPY, "BYOT-OLS": ONLINE}.items()
    ]


def arazo(epochs):
    """Return dynamic bootstrapping for a training of so many epochs."""
    training = {"warm_up": round(0.35 * epochs), "hard": True, "mixup": 32, "prior_weight": 1.0}
    return dataclasses.replace(CROSS_ENTROPY, label="Arazo", classifier=DynamicBootstrap, training=training)


def pencil(epochs):
    """Return PENCIL for a training of so many epochs."""
    phases = {"backbone_epochs": round(epochs * 70 / 320), "joint_epochs": round(epochs * 130 / 320)}
    return Method("PENCIL", losses.PENCIL, {"num_examples": NumTrainingExamples(), **phases})


def with_clean_examples(count):
    """Return learning to reweight and Meta-Weight-Net, which are told so many true labels."""
    training = {"clean": CleanExamples(count), "clean_batch_size": 100, "seed": DrawnSeed()}
    return [
        dataclasses.replace(CROSS_ENTROPY, label=label, classifier=classifier, training=training)
        for label, classifier in {"Ren": LearningToReweight, "Meta-Weight-Net": MetaWeightNet}.items()
    ]


def han(epochs):
    """Return self-learning with prototypes for a training of so many epochs."""
    training = {"warm_up": round(0.35 * epochs), "weight": 0.5, "num_prototypes": 8, "num_samples": 500}
    return dataclasses.replace(CROSS_ENTROPY, label="Han", classifier=PrototypeCorrection, training=training)
