"""What the paper's experiments share (section 4.1, appendix I): data, networks, optimizers, rows of the tables.

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
are those of the label-smoothing paper, clean: LeNet-5 on Fashion-MNIST for 30 epochs, a small network on 8x8 digits
for 100, Adam, no augmentation. Clean digits hardly tell methods apart: five runs of Tables 5 and 7 came to 99.4 to
100 %.
"""

import dataclasses
import math
from collections.abc import Callable

from experiments import sources
from experiments.experiment import CLEAN, CROSS_ENTROPY, Experiment, Method
from experiments.papers.label_smoothing import settings as label_smoothing
from experiments.papers.online_label_smoothing import methods
from tfp_noise import losses, pipeline

SMOOTHING = methods.LABEL_SMOOTHING
ONLINE = dataclasses.replace(methods.ONLINE, arguments={})  # the same alpha, by default
LEARNABLE = Method("LLS", losses.LearnableLabelSmoothing)
# Weight and temperature of Yuan et al.'s code for ResNet-18 on CIFAR-100, and so its variant, which made their numbers.
# Paper OLS's rows of the same loss have the variant of their text (`online_label_smoothing.methods`).
_TEACHER_FREE = Method("TF-KD-reg", losses.TeacherFree, {"alpha": 0.1, "temperature": 20.0, "variant": "code"})
ROWS = (CROSS_ENTROPY, SMOOTHING, _TEACHER_FREE, ONLINE, LEARNABLE)  # of Table 3
_FOCAL = (
    Method("FL-3", losses.Focal, {"gamma": 3.0}),
    Method("FLSD-53", losses.Focal, {"gamma": 3.0, "hard_gamma": 5.0}),
)
# Their temperature and weight for the same; their factor is T^2 / 2 there, here T^2.
_SELF_TAUGHT = dataclasses.replace(
    CROSS_ENTROPY, label="TF-KD-self", distillation={"temperature": 6.0, "label_weight": 0.05}
)
METHODS = {method.label: method for method in (*ROWS, *_FOCAL, _SELF_TAUGHT)}

LAPTOP = label_smoothing.CLEAN_LAPTOP

# The names of the tables' columns, and of `models`.
_SMALL_IMAGES = {"R18": "resnet18", "R34": "resnet34", "R50": "resnet50_small", "R101": "resnet101_small"}
_SMALL_IMAGES |= {"AlexNet": "alexnet", "LeNet": "lenet5"}
_LARGE_IMAGES = {"R18": "resnet18_untrained", "R50": "resnet50_untrained"}
_FINE_TUNED = {"MV2": "mobilenet_v2", "R50": "resnet50", "R101": "resnet101"}
_FINE_GRAINED = ("caltech_birds2011", "oxford_flowers102")


@dataclasses.dataclass(frozen=True)
class _Setup:
    """Appendix I for one data set: when the learning rate changes is said in epochs, of `steps` steps."""

    steps: int
    batch_size: int
    epochs: int
    warm_up: int
    decays: tuple[int, ...]
    augmentation: Callable | None
    weight_decay: float = 1e-4
    learning_rate: float = 0.1
    source: sources.InMemory | sources.Stream = sources.InMemory()  # noqa: RUF009 (frozen)

    def optimizer(self, part):
        """For `part` of the steps an epoch, from 0 to 1."""
        steps = math.ceil(part * self.steps)
        decay = {
            "boundaries": [steps * epoch for epoch in self.decays],
            "values": [self.learning_rate / 10**i for i in range(len(self.decays) + 1)],
        }
        warm_up = {
            "schedule": {"class_name": "PiecewiseConstantDecay", "config": decay},
            "steps": steps * self.warm_up,
        }
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
    """What `models` calls a network of a table's column, or `None` if it has none with the weights to start from."""
    if dataset in _FINE_GRAINED:
        return _FINE_TUNED.get(network)
    if dataset == "imagenet100":
        return _LARGE_IMAGES[network]
    return _SMALL_IMAGES[network]


def base(dataset, network, part=1):
    """Cross-entropy at the paper's setting, which every experiment is a variant of.

    Args:
        dataset: one of appendix I.
        network: as a column of the tables calls it, one that `model` knows.
        part: float, the share of the training split that an epoch of the learning rate's schedule has.
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
