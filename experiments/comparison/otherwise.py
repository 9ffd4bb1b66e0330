"""Methods that are more than a loss: classifiers that train otherwise, and cross-entropy with another training."""

import math

import keras

from experiments.comparison import training
from experiments.comparison.compared_method import ComparedMethod
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

_CHECKED = 100  # examples with a right label, for the methods that need some


def estimated_correction(case):
    """Return forward correction by a matrix that is counted from predictions out of sample.

    Args:
        case: a `Case`.
    """
    probabilities = training.out_of_sample(case.data, losses.CrossEntropy, case.task, case.seed)
    found = estimation.from_confident_counts(probabilities, case.data.train.training_labels)
    return losses.ForwardCorrection(case.data.num_classes, found.transition)


def _cross_entropy(case):
    return losses.CrossEntropy(case.data.num_classes)


def _student(network, loss, case):
    """A student of cross-entropy's network after the same training, as in Lukasik et al. (2020), section 5."""
    teacher = Trainer(case.data, _cross_entropy(case), case.task)
    teacher.scores(case.data, case.seed)
    return DistilledClassifier(network, loss, teacher.model, temperature=2.0)


def _pair(network, loss, case):
    """Two networks; the fraction that each leaves out grows in ten epochs, as the authors' does."""
    steps = math.ceil(len(case.data.train) / case.task.batch_size)
    peer = training.network(case.data.input_shape, loss.num_outputs)
    return CoTeaching(network, loss, peer, forget_rate=case.data.effective_rate, ramp_steps=10 * steps)


def _with_clean_set(make, by):
    """The entry of a classifier that is given some validation examples with their true labels."""

    def build(network, loss, case):
        clean = case.data.validation.take(slice(_CHECKED))
        return make(network, loss, (clean.inputs, clean.labels), seed=case.seed)

    return ComparedMethod(_cross_entropy, told=f"{_CHECKED} right labels", build=build, about=f"weights {by}")


def _distorted(network, loss, case):
    """Two views of an image, each shifted by up to a tenth of its size."""
    shifts = keras.layers.RandomTranslation(0.1, 0.1, fill_mode="constant", seed=case.seed)
    return DistortionDistillation(network, loss, shifts)


def _by_depth(network, loss, _):
    return DepthDistillation(network, loss, stages=["stage1"])


def _after_warm_up(make, about, **settings):
    """The entry of a classifier that corrects labels from 35 % of the epochs on, the fraction of Arazo et al."""

    def build(network, loss, case):
        return make(network, loss, warm_up=round(0.35 * case.task.periods), **settings)

    return ComparedMethod(_cross_entropy, build=build, about=about)


OTHERS = {
    "EstimatedForwardCorrection": ComparedMethod(
        estimated_correction,
        about="forward correction by a matrix counted from predictions of two shorter trainings, which the cost leaves "
        "out.",
    ),
    "AveragedCrossEntropy": ComparedMethod(
        _cross_entropy,
        recipe=Recipe({"weight_decay": 0.1}, augmented=True, averaged=True),
        about="a moving average of the weights (`keras.callbacks.SwapEMAWeights`), weight decay and shifted images.",
    ),
    "DistilledClassifier": ComparedMethod(
        _cross_entropy,
        build=_student,
        about="a student of cross-entropy's network after the same training, which the cost leaves out.",
    ),
    "CoTeaching": ComparedMethod(
        _cross_entropy,
        told="the fraction of wrong labels",
        build=_pair,
        about="two networks, each trained on examples with small losses of the other one; the first predicts.",
    ),
    "LearningToReweight": _with_clean_set(LearningToReweight, "by the gradient of the loss of the right labels."),
    "MetaWeightNet": _with_clean_set(MetaWeightNet, "by a function of the loss that the right labels train."),
    "DistortionDistillation": ComparedMethod(
        _cross_entropy, build=_distorted, about="two shifted views of each image learn from each other."
    ),
    "DepthDistillation": ComparedMethod(
        _cross_entropy, build=_by_depth, about="a classifier at the first hidden layer learns from the last one."
    ),
    "DynamicBootstrap": _after_warm_up(
        DynamicBootstrap, "labels mixed with predictions by a mixture model of the losses, and mixup."
    ),
    "PrototypeCorrection": _after_warm_up(
        PrototypeCorrection, "labels mixed with the class of the most similar prototypes.", num_samples=500
    ),
}
