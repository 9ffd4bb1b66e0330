"""Data, networks and optimizers of the paper's experiments, and of the `laptop` variants for 2 CPU cores.

CIFAR: ResNet-32 and 56, batch 128, about 64,000 steps, SGD with Nesterov momentum 0.9, 0.1 over 10 at 32,000 and
48,000, weight decay 1e-4, crops and flips: for an accelerator (days on 2 CPU cores). ImageNet (Table 2): ResNet-v2-50,
LARS, batch 3500, 90 epochs of 362 steps, which are 32,580; the paper has 32,768. For a TPU, and a host with 20 GB to
spare for test and sample images; streamed from TFDS's `imagenet2012`. It has not been run. Departures:

- A tenth of the training labels (of ImageNet's, a hundredth) is held out, as in all experiments here.
- Keras's weight decay bypasses the momentum, which multiplies the paper's (part of the gradient) by 10: 1e-3 shrinks
  weights as fast.
- The paper gives no more of LARS than its name: learning rate, momentum, weight decay, and a cosine after five epochs
  of warm-up are ours.
- The strides of `resnet50v2` are those of Keras, which halve the image at the end of a stage, not at its start.

`laptop` variants: those of `papers.laptop`, under 20 % symmetric noise. That of Table 2 keeps the optimizer and its
schedule: 8x8 digits, a small network, batch 128, 100 epochs (10 to 20 s a run on 2 CPU cores), and a smaller learning
rate, because without batch normalisation the biases, which LARS does not scale, diverge at ImageNet's.
"""

import dataclasses

from experiments import sources
from experiments.experiment import CROSS_ENTROPY, Experiment, Noise
from experiments.papers import laptop
from experiments.papers.schedules import divided_by_ten
from tfp_noise import pipeline

NOISE = Noise("symmetric", 0.2)
_SGD = (
    "SGD",
    {
        "learning_rate": divided_by_ten(0.1, [32_000, 48_000]),
        "momentum": 0.9,
        "nesterov": True,
        "weight_decay": 1e-3,  # see above
    },
)
_CROP = pipeline.CropAndFlip(pad=4)

# Cross-entropy under 20 % symmetric noise; every experiment is a variant of one of these.
PAPER = {  # 182 epochs: 64,000 steps of 45,000 / 128
    f"{dataset}-{model}": Experiment("", dataset, NOISE, model, CROSS_ENTROPY, 182, 128, _SGD, _CROP)
    for dataset in ("cifar100", "cifar10")
    for model in ("resnet32", "resnet56")
}
_SMALL = {**laptop.LAPTOP, **laptop.FEW_IMAGES}
LAPTOP = {label: dataclasses.replace(base, noise=NOISE) for label, base in _SMALL.items()}


def _lars(learning_rate, trust_coefficient, steps_per_epoch, epochs, warmup_epochs=5):
    schedule = {
        "initial_learning_rate": 0.0,
        "decay_steps": (epochs - warmup_epochs) * steps_per_epoch,
        "warmup_target": learning_rate,
        "warmup_steps": warmup_epochs * steps_per_epoch,
    }
    decay = {"class_name": "CosineDecay", "config": schedule}
    return "tfp_noise>LARS", {
        "learning_rate": decay,
        "trust_coefficient": trust_coefficient,
        "momentum": 0.9,
        "weight_decay": 1e-4,
    }


LARGE_BATCHES = {
    "imagenet-resnet50v2": Experiment(
        name="",
        dataset="imagenet2012",
        noise=NOISE,
        model="resnet50v2",
        method=CROSS_ENTROPY,
        epochs=90,
        batch_size=3500,
        optimizer=_lars(learning_rate=9.0, trust_coefficient=0.001, steps_per_epoch=362, epochs=90),
        augmentation=pipeline.CropAndFlip(pad=0, size=224),
        source=sources.Stream(
            train="train[1%:]", validation="train[:1%]", test="validation", stored_size=256, image_size=224
        ),
    ),
    "laptop-digits": dataclasses.replace(
        LAPTOP["laptop-digits"],
        batch_size=128,
        optimizer=_lars(learning_rate=0.2, trust_coefficient=0.05, steps_per_epoch=11, epochs=100),
    ),
}
