"""Rows of the paper's tables: methods, terms of the loss, augmentations, and the substitute teacher.

Teacher-free distillation ("TF-KD-reg") has the weight and temperature of Yuan et al.'s code for ResNet-18 on CIFAR-100,
and the variant of that code, which made their numbers. Table 1 takes its numbers of that row from Table VI of paper OLS
(77.64 = 100 - 22.36, and so on), whose authors' code has other weights and temperatures: in Table 1 the row is Yuan et
al.'s loss beside another loss's numbers. That other loss is the row "Tf-KD-code" of paper OLS's Table VI.

"TF-KD-self" is the other method of Yuan et al., whose teacher is the network itself, trained before.

"Zipf" ranks classes by the logits, because a loss does not see the feature maps whose positions vote for classes in the
numbers of Liang et al.; those of ResNet-18 are in their repository.
"""

import dataclasses

from experiments.evaluation.resolvers import SubstituteTeacher
from experiments.experiment import CROSS_ENTROPY, Method
from tfp_noise import losses, pipeline

SMOOTHING = Method("LS", losses.LabelSmoothing, {"alpha": 0.1})
ONLINE = Method("OLS", losses.OnlineLabelSmoothing)
LEARNABLE = Method("LLS", losses.LearnableLabelSmoothing)
_TEACHER_FREE = Method("TF-KD-reg", losses.TeacherFree, {"alpha": 0.1, "temperature": 20.0, "variant": "code"})
_FOCAL = (
    Method("FL-3", losses.Focal, {"gamma": 3.0}),
    Method("FLSD-53", losses.Focal, {"gamma": 3.0, "hard_gamma": 5.0}),
)
# Yuan et al.'s code for the same network on CIFAR-100 has 0.05 CE + 0.95 (50 / K) T^2 KL, because it averages the
# divergence over the K = 100 classes, too, and multiplies it by 50: 0.525 times the loss here.
_SELF_TAUGHT = dataclasses.replace(
    CROSS_ENTROPY, label="TF-KD-self", distillation={"temperature": 6.0, "label_weight": 0.05 / 0.525}
)


def _zipf(dataset):
    """Zipf's label smoothing with the weight of Liang et al.'s code, which is that of CIFAR-100 elsewhere."""
    return Method("Zipf", losses.ZipfLabelSmoothing, {"weight": 1.0 if dataset == "tiny_imagenet" else 0.1})


ROWS = (CROSS_ENTROPY, SMOOTHING, _TEACHER_FREE, ONLINE, LEARNABLE)


def rows(table, dataset):
    """Return the methods of one of Tables 1 to 3.

    Args:
        table: "table1", "table2" or "table3".
        dataset: a column's, on which the weight of Zipf's label smoothing depends.
    """
    return (*ROWS, *_FOCAL, _SELF_TAUGHT, _zipf(dataset)) if table == "table2" else ROWS


_FCE, _RCE = "forward_cross_entropy", "reverse_cross_entropy"
_PREDICTIONS, _TARGETS = "prediction_entropy", "target_entropy"
_TERMS = {
    "no-FCE": (_RCE, _PREDICTIONS, _TARGETS),
    "no-RCE": (_FCE, _PREDICTIONS, _TARGETS),
    "no-pred-EM": (_FCE, _RCE, _TARGETS),
    "no-targets-EM": (_FCE, _RCE, _PREDICTIONS),
    "FCE-only": (_FCE,),
    "symmetric-CE": (_FCE, _RCE),
    "forward-KL": (_FCE, _TARGETS),
    "reverse-KL": (_RCE, _PREDICTIONS),
    "LLS": (_FCE, _RCE, _PREDICTIONS, _TARGETS),
}
ABLATION = [  # Table 4
    Method(label, losses.LearnableLabelSmoothing, {"alpha": 0.1, "terms": terms}) for label, terms in _TERMS.items()
]

# Tables 5 to 7: a trained network as teacher, or its Q alone.
TEACHERS = (CROSS_ENTROPY, SMOOTHING, LEARNABLE)
SUBSTITUTE = Method("LLS-ST", losses.LabelSmearing, {"matrix": SubstituteTeacher(0.1)})

# Table 8. The paper gives no settings; these are the ones that their own papers have for small images, RandAugment but
# for its strength.
AUGMENTATIONS = {
    "Co": pipeline.Cutout(0.5),
    "Mx": pipeline.Mixup(1.0),
    "Cx": pipeline.CutMix(1.0),
    "RA": pipeline.RandAugment(),
}
