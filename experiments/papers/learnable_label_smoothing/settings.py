"""Data, networks and optimizers of the paper's experiments (section 4.1, appendix I).

SGD with momentum 0.9, a linear warm-up, and 0.1 (fine-tuning: 0.01) divided by 10 at the epochs below; crops after
padding, and flips. For an accelerator; nothing of it has been run. Departures:

- A tenth of the training split (of `imagenet100`, a hundredth) is held out, as in all experiments here.
- Keras's weight decay bypasses the momentum, which multiplies the paper's (part of the gradient, and of Q's) by 10:
  ten times the paper's shrinks weights as fast.
- `imagenet100`: crops of 224 from images of 256, without the paper's random scale and proportions.
- ResNet-18 with ImageNet's weights, which Keras does not have: its columns are left out (CUB-200, Flowers-102).
  Published numbers of them are kept.
- Images of Fashion-MNIST stay 28x28; the paper's are 32x32.

Flowers-102 has 2,040 training images, the split of the numbers that the paper takes from others. The `laptop` variants
are those of `papers.laptop`.
"""

import dataclasses
import math
from collections.abc import Callable

from experiments import sources
from experiments.experiment import CLEAN, CROSS_ENTROPY, Experiment
from experiments.papers.schedules import divided_by_ten
from tfp_noise import pipeline

# The names of the tables' columns, and of `models`.
_SMALL_IMAGES = {"R18": "resnet18", "R34": "resnet34", "R50": "resnet50_small", "R101": "resnet101_small"}
_SMALL_IMAGES |= {"AlexNet": "alexnet", "LeNet": "lenet5"}
_LARGE_IMAGES = {"R18": "resnet18_untrained", "R50": "resnet50_untrained"}
_FINE_TUNED = {"MV2": "mobilenet_v2", "R50": "resnet50", "R101": "resnet101"}
_FINE_GRAINED = ("caltech_birds2011", "oxford_flowers102")


@dataclasses.dataclass(frozen=True)
class _Setup:
    """Appendix I for one data set: the learning rate changes after epochs, of `steps` steps each."""

    steps: int
    batch_size: int
    epochs: int
    warm_up: int
    decays: tuple[int, ...]
    augmentation: Callable | None
    weight_decay: float = 1e-4
    learning_rate: float = 0.1
    source: sources.Source = sources.InMemory()  # noqa: RUF009 (frozen)

    def optimizer(self, part):
        """Return SGD for epochs of a fraction `part` of the steps."""
        steps = math.ceil(part * self.steps)
        decay = divided_by_ten(self.learning_rate, [steps * epoch for epoch in self.decays])
        warm_up = {"schedule": decay, "steps": steps * self.warm_up}
        return "SGD", {
            "learning_rate": {"class_name": "tfp_noise>WarmUp", "config": warm_up},
            "momentum": 0.9,
            "weight_decay": 10 * self.weight_decay,  # see above
        }


_CROP_AND_FLIP = pipeline.CropAndFlip(pad=4)
_LARGE_CROP = pipeline.CropAndFlip(pad=0, size=224)
_CIFAR = _Setup(352, 128, 300, 10, (150, 225), _CROP_AND_FLIP, weight_decay=5e-4)
_FASHION_MNIST = _Setup(422, 128, 200, 5, (100, 150), pipeline.CropAndFlip(pad=2, flip=False))


def _stream(train, validation):
    return sources.Stream(train, validation, "test", stored_size=256, image_size=224)


def _fine_tuning(steps, source):
    return _Setup(steps, 64, 100, 5, (45, 80), _LARGE_CROP, learning_rate=0.01, source=source)


_SETUPS = {
    "cifar10": _CIFAR,
    "cifar100": _CIFAR,
    "fashion_mnist": _FASHION_MNIST,
    "svhn_cropped": dataclasses.replace(_FASHION_MNIST, steps=516, augmentation=None),
    "tiny_imagenet": _Setup(1407, 64, 100, 5, (40, 60), _CROP_AND_FLIP),
    "animals10n": _Setup(704, 64, 100, 5, (40, 60), _CROP_AND_FLIP),
    # 99 % of 130,000 images
    "imagenet100": _Setup(2010, 64, 90, 5, (30, 60, 80), _LARGE_CROP, source=_stream("train[1%:]", "train[:1%]")),
    "caltech_birds2011": _fine_tuning(84, _stream("train[10%:]", "train[:10%]")),
    "oxford_flowers102": _fine_tuning(28, _stream("train[10%:]+validation[10%:]", "train[:10%]+validation[:10%]")),
}


def model(dataset, network):
    """Return the name in `models` of a network of a table's column, or `None` if it has none with the weights.

    Args:
        dataset: one of appendix I.
        network: as a column of the tables calls it.
    """
    if dataset in _FINE_GRAINED:
        return _FINE_TUNED.get(network)
    if dataset == "imagenet100":
        return _LARGE_IMAGES[network]
    return _SMALL_IMAGES[network]


def folder(table, *column):
    """Return the folder of a column's experiments, as "LLS/table5/cifar100-resnet34-resnet18".

    Args:
        table: text.
        *column: data set, and networks as a column of the tables calls them.
    """
    dataset, *networks = column
    return f"LLS/{table}/{'-'.join([dataset, *(model(dataset, network) for network in networks)])}"


def base(dataset, network, part=1):
    """Return cross-entropy at the paper's setting; every experiment is a variant of it.

    Args:
        dataset: one of appendix I.
        network: as a column of the tables calls it, one that `model` knows.
        part: float, the fraction of the training split in an epoch of the learning rate's schedule.
    """
    setup = _SETUPS[dataset]
    return Experiment(
        name="",
        dataset=dataset,
        noise=CLEAN,
        model=model(dataset, network),
        method=CROSS_ENTROPY,
        epochs=setup.epochs,
        batch_size=setup.batch_size,
        optimizer=setup.optimizer(part),
        augmentation=setup.augmentation,
        source=setup.source,
    )
