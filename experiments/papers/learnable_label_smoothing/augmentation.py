"""Table 8: Cutout (Co), Mixup (Mx), CutMix (Cx) and RandAugment (RA), each alone and with LLS. Its `laptop` variants.

The paper gives no settings of them; these are the ones that their own papers have for small images, RandAugment but for
its strength. They follow the data set's crops and flips.
"""

import dataclasses

from experiments.experiment import CROSS_ENTROPY
from experiments.papers.learnable_label_smoothing import published
from experiments.papers.learnable_label_smoothing.settings import LAPTOP, LEARNABLE, base
from experiments.papers.learnable_label_smoothing.tables import folder
from tfp_noise import pipeline

_AUGMENTATIONS = {
    "Co": pipeline.Cutout(0.5),
    "Mx": pipeline.Mixup(1.0),
    "Cx": pipeline.CutMix(1.0),
    "RA": pipeline.RandAugment(),
}


def _rows(plain, place, numbers):
    """Plain, and with each augmentation: by cross-entropy, and by LLS."""
    for method in (CROSS_ENTROPY, LEARNABLE):
        yield plain.variant(place, method, published=numbers.get(method.label))
    for name, added in _AUGMENTATIONS.items():
        both = pipeline.Compose((plain.augmentation, added)) if plain.augmentation else added
        for label, method in ((name, CROSS_ENTROPY), (f"{name}-LLS", LEARNABLE)):
            row = dataclasses.replace(method, label=label)
            yield plain.variant(place, row, augmentation=both, published=numbers.get(label))


TABLE_8 = [
    experiment
    for column, numbers in published.TABLES["table8"].items()
    for experiment in _rows(base(*column), folder("table8", *column), numbers)
]
TABLE_8 += [experiment for label, plain in LAPTOP.items() for experiment in _rows(plain, f"LLS/table8/{label}", {})]
