"""Methods that are more than a loss: classifiers that train otherwise, and cross-entropy with another training."""

from experiments.comparison import training
from experiments.comparison.compared_method import ComparedMethod
from experiments.comparison.training import Recipe, Trainer
from tfp_noise import DistilledClassifier, estimation, losses


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


OTHERS = {
    "EstimatedForwardCorrection": ComparedMethod(estimated_correction),
    "AveragedCrossEntropy": ComparedMethod(
        _cross_entropy, recipe=Recipe({"weight_decay": 0.1}, augmented=True, averaged=True)
    ),
    "DistilledClassifier": ComparedMethod(_cross_entropy, build=_student),
}
