"""Methods that are more than a loss: classifiers that train otherwise, and cross-entropy with another training."""

import math

import keras

from experiments.comparison import training
from experiments.comparison.compared_method import CHECKED, ComparedMethod
from experiments.comparison.training import Recipe, Trainer
from tfp_noise import (
    CoTeaching,
    DepthDistillation,
    DistilledClassifier,
    DistortionDistillation,
    DynamicBootstrap,
    LearningToReweight,
    MetaWeightNet,
    PrototypeCorrection,
    estimation,
    losses,
)


def estimated_correction(case, folds, epochs):
    """Return forward correction by a matrix that is counted from predictions out of sample.

    Args:
        case: a `Case`.
        folds: int, networks that predict, each trained on the examples of the others.
        epochs: int, of each of these trainings.
    """
    probabilities = training.out_of_sample(case.data, losses.CrossEntropy, case.task, case.seed, folds, epochs)
    found = estimation.from_confident_counts(probabilities, case.data.train.training_labels)
    return losses.ForwardCorrection(case.data.num_classes, found.transition)


def _cross_entropy(case):
    return losses.CrossEntropy(case.data.num_classes)


def _with_cross_entropy(made, build=None, **more):
    """The entry of a classifier, or of a recipe, that trains with cross-entropy."""
    return ComparedMethod(made, _cross_entropy, build=build, **more)


def _student(network, loss, case, **arguments):
    """A student of cross-entropy's network after the same training, as in Lukasik et al. (2020), section 5."""
    teacher = Trainer(case.data, loss, case.task)
    teacher.scores(case.data, case.seed)
    return DistilledClassifier(network, loss, teacher.model, **arguments)


def _pair(network, loss, case, **arguments):
    """Two networks that choose examples for each other."""
    peer = case.task.network(case.data.input_shape, loss.num_outputs)
    return CoTeaching(network, loss, peer, **arguments)


def _ten_epochs(case):
    """The number of steps in which the fraction that each network leaves out grows, as in the authors' code."""
    return 10 * math.ceil(len(case.data.train) / case.task.batch_size)


def _with_clean_set(made, by, **more):
    """The entry of a classifier that is given examples with their true labels."""

    def build(network, loss, case, **arguments):
        return made(network, loss, (case.checked.inputs, case.checked.labels), seed=case.seed, **arguments)

    return _with_cross_entropy(made, build, told=f"{CHECKED} right labels", about=f"weights {by}", **more)


def _distorted(network, loss, case, shift, **arguments):
    """Two views of an image, each shifted by up to a fraction of its size."""
    shifts = keras.layers.RandomTranslation(shift, shift, fill_mode="constant", seed=case.seed)
    return DistortionDistillation(network, loss, shifts, **arguments)


def _without_case(made):
    """A function that builds a classifier of arguments alone."""
    return lambda network, loss, _, **arguments: made(network, loss, **arguments)


def _after_warm_up(made, about, space, **arguments):
    """The entry of a classifier that corrects labels from 35 % of the epochs on, the fraction of Arazo et al."""
    arguments = {"warm_up": lambda case: round(0.35 * case.task.periods), **arguments}
    return _with_cross_entropy(made, _without_case(made), about=about, space=space, arguments=arguments)


OTHERS = {
    "EstimatedForwardCorrection": ComparedMethod(
        losses.ForwardCorrection,
        estimated_correction,
        {"folds": 2, "epochs": lambda case: max(case.task.epochs // 4, 5)},
        about="forward correction by a matrix counted from predictions of two shorter trainings, which the cost leaves "
        "out.",
    ),
    "ShiftedCrossEntropy": _with_cross_entropy(
        losses.CrossEntropy, recipe=Recipe(augmented=True), about="images are shifted at random."
    ),
    "AveragedCrossEntropy": _with_cross_entropy(
        losses.CrossEntropy,
        recipe=Recipe({"weight_decay": 0.1}, augmented=True, averaged=True),
        about="a moving average of the weights (`keras.callbacks.SwapEMAWeights`), weight decay and shifted images.",
    ),
    "DistilledClassifier": _with_cross_entropy(
        DistilledClassifier,
        _student,
        space={"temperature": (1.0, 2.0), "label_weight": (0.0, 0.5)},
        about="a student of cross-entropy's network after the same training, which the cost leaves out.",
    ),
    "CoTeaching": _with_cross_entropy(
        CoTeaching,
        _pair,
        arguments={"forget_rate": lambda case: case.data.effective_rate, "ramp_steps": _ten_epochs},
        told="the fraction of wrong labels",
        about="two networks, each trained on examples with small losses of the other one; the first predicts.",
    ),
    "LearningToReweight": _with_clean_set(LearningToReweight, "by the gradient of the loss of the right labels."),
    "MetaWeightNet": _with_clean_set(
        MetaWeightNet,
        "by a function of the loss that the right labels train.",
        space={"learning_rate": (1e-5, 1e-4, 1e-3, 1e-2)},
    ),
    "DistortionDistillation": _with_cross_entropy(
        DistortionDistillation,
        _distorted,
        arguments={"shift": 0.1},
        space={"weight": (0.3, 1.0), "temperature": (1.0, 3.0)},
        about="two shifted views of each image learn from each other.",
    ),
    "DepthDistillation": _with_cross_entropy(
        DepthDistillation,
        _without_case(DepthDistillation),
        arguments={"stages": ("stage1",)},
        space={"distillation_weight": (0.1, 0.3, 0.5, 0.9)},
        about="a classifier at the first hidden layer learns from the last one.",
    ),
    "DynamicBootstrap": _after_warm_up(
        DynamicBootstrap,
        "labels mixed with predictions by a mixture model of the losses, and mixup.",
        {"hard": (True, False), "mixup": (4, 32)},
    ),
    "PrototypeCorrection": _after_warm_up(
        PrototypeCorrection,
        "labels mixed with the class of the most similar prototypes.",
        {"weight": (0.3, 0.5, 0.7, 0.9)},
        num_samples=500,
    ),
}
