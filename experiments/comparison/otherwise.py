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


def _with_clean_set(make):
    """The entry of a classifier that is given some validation examples with their true labels."""

    def build(network, loss, case):
        clean = case.data.validation.take(slice(_CHECKED))
        return make(network, loss, (clean.inputs, clean.labels), seed=case.seed)

    return ComparedMethod(_cross_entropy, told=f"{_CHECKED} right labels", build=build)


def _distorted(network, loss, case):
    """Two views of an image, each shifted by up to a tenth of its size."""
    shifts = keras.layers.RandomTranslation(0.1, 0.1, fill_mode="constant", seed=case.seed)
    return DistortionDistillation(network, loss, shifts)


def _by_depth(network, loss, _):
    return DepthDistillation(network, loss, stages=["stage1"])


def _after_warm_up(make, **settings):
    """The entry of a classifier that corrects labels from 35 % of the epochs on, the fraction of Arazo et al."""

    def build(network, loss, case):
        return make(network, loss, warm_up=round(0.35 * case.task.periods), **settings)

    return ComparedMethod(_cross_entropy, build=build)


OTHERS = {
    "EstimatedForwardCorrection": ComparedMethod(estimated_correction),
    "AveragedCrossEntropy": ComparedMethod(
        _cross_entropy, recipe=Recipe({"weight_decay": 0.1}, augmented=True, averaged=True)
    ),
    "DistilledClassifier": ComparedMethod(_cross_entropy, build=_student),
    "CoTeaching": ComparedMethod(_cross_entropy, told="the fraction of wrong labels", build=_pair),
    "LearningToReweight": _with_clean_set(LearningToReweight),
    "MetaWeightNet": _with_clean_set(MetaWeightNet),
    "DistortionDistillation": ComparedMethod(_cross_entropy, build=_distorted),
    "DepthDistillation": ComparedMethod(_cross_entropy, build=_by_depth),
    "DynamicBootstrap": _after_warm_up(DynamicBootstrap),
    "PrototypeCorrection": _after_warm_up(PrototypeCorrection, num_samples=500),
}
