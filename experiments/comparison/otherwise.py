"""Methods that are more than a loss: classifiers that train otherwise, and cross-entropy with another training."""

import math

from experiments.comparison import training
from experiments.comparison.compared_method import ComparedMethod
from experiments.comparison.training import Recipe, Trainer
from tfp_noise import CoTeaching, DistilledClassifier, LearningToReweight, MetaWeightNet, estimation, losses

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


OTHERS = {
    "EstimatedForwardCorrection": ComparedMethod(estimated_correction),
    "AveragedCrossEntropy": ComparedMethod(
        _cross_entropy, recipe=Recipe({"weight_decay": 0.1}, augmented=True, averaged=True)
    ),
    "DistilledClassifier": ComparedMethod(_cross_entropy, build=_student),
    "CoTeaching": ComparedMethod(_cross_entropy, told="the fraction of wrong labels", build=_pair),
    "LearningToReweight": _with_clean_set(LearningToReweight),
    "MetaWeightNet": _with_clean_set(MetaWeightNet),
}
