"""Programs on the pages of methods: the same for all but for the lines that make the loss or the classifier."""

import inspect
import types

from experiments.comparison.methods import ARGUMENTS
from tfp_noise import losses, noise

_DATA = """\
import keras
from tfp_noise import {imported}

clean = datasets.load("digits")
data = noise.corrupt_dataset(clean, noise.symmetric(clean.num_classes, rate=0.4), seed=0)
"""
_NETWORK = """\
def build():
    return keras.Sequential(
        [
            keras.Input(data.input_shape),
            keras.layers.Flatten(),
            keras.layers.Dense(128, activation="relu", name="hidden"),
            keras.layers.Dense(loss.num_outputs),
        ]
    )
"""
_FIT = """\
model.compile("adam", metrics=["accuracy"])
model.fit(data.train.inputs, data.train.observed, epochs=30, verbose=0)
scores = model.evaluate(data.test.inputs, data.test.labels, return_dict=True, verbose=0)
"""
_SEVERAL_LABELS = """\
import keras
import numpy as np
from tfp_noise import NoisyLabelClassifier, losses

features = np.random.default_rng(0).normal(size=[500, 8])
labels = (features[:, :3] > 0).astype(int)  # three labels an example, each present or absent
loss = losses.MultiLabel(losses.GeneralizedCrossEntropy(2), num_labels=3)
network = keras.Sequential([keras.Input([8]), keras.layers.Dense(loss.num_outputs)])
model = NoisyLabelClassifier(network, loss)
model.compile("adam")
model.fit(features, labels, epochs=30, verbose=0)
scores = model.evaluate(features, labels, return_dict=True, verbose=0)
"""
# The training of the programs, in which some arguments of the comparison are in proportion.
_TRAINING = types.SimpleNamespace(
    task=types.SimpleNamespace(periods=30, epochs=30, batch_size=32), data=types.SimpleNamespace(train=range(1293))
)
# The lines that build a classifier, and the loss that it trains with.
_CHECKED = (
    "checked = (data.validation.inputs[:100], data.validation.labels[:100])  # whose labels somebody has checked\n"
)
CLASSIFIERS = {
    "CoTeaching": "model = CoTeaching(build(), loss, build(), forget_rate=0.36, ramp_steps=100)\n",
    "DepthDistillation": 'model = DepthDistillation(build(), loss, stages=["hidden"])\n',
    "DistilledClassifier": """\
teacher = NoisyLabelClassifier(build(), losses.GeneralizedCrossEntropy(data.num_classes))
teacher.compile("adam")
teacher.fit(data.train.inputs, data.train.observed, epochs=30, verbose=0)
model = DistilledClassifier(build(), loss, teacher, temperature=2.0)
""",
    "DistortionDistillation": """\
shifts = keras.layers.RandomTranslation(0.1, 0.1, fill_mode="constant")
model = DistortionDistillation(build(), loss, shifts)
""",
    "DynamicBootstrap": "model = DynamicBootstrap(build(), loss, warm_up=10)\n",
    "LearningToReweight": _CHECKED + "model = LearningToReweight(build(), loss, clean=checked)\n",
    "MetaWeightNet": _CHECKED + "model = MetaWeightNet(build(), loss, clean=checked)\n",
    "PrototypeCorrection": "model = PrototypeCorrection(build(), loss, warm_up=10)\n",
}


def of_loss(name):
    """Return the program on the page of a loss.

    Args:
        name: of a class in `tfp_noise.losses`.
    """
    if name == "MultiLabel":
        return _SEVERAL_LABELS
    data = _DATA.format(imported="NoisyLabelClassifier, datasets, losses, noise")
    made = f"loss = {_constructor(name)}\n"
    return f"{data}{made}\n\n{_NETWORK}\n\nmodel = NoisyLabelClassifier(build(), loss)\n{_FIT}"


def of_classifier(name):
    """Return the program on the page of a classifier.

    Args:
        name: of a class in `tfp_noise`.
    """
    lines = CLASSIFIERS[name]
    names = [name, *(["NoisyLabelClassifier"] if "NoisyLabelClassifier" in lines else [])]
    data = _DATA.format(imported=", ".join([*sorted(names), "datasets", "losses", "noise"]))
    return f"{data}loss = losses.CrossEntropy(data.num_classes)\n\n\n{_NETWORK}\n\n{lines}{_FIT}"


def make(name, num_classes):
    """Return the loss of the program on a page, for data with symmetric noise.

    Args:
        name: of a class in `tfp_noise.losses`.
        num_classes: int.
    """
    if name == "MultiLabel":
        return losses.MultiLabel(losses.GeneralizedCrossEntropy(2), num_labels=1)
    transition = noise.symmetric(num_classes, rate=0.4)
    data = types.SimpleNamespace(num_classes=num_classes, transition=transition, train=range(1))
    return eval(_constructor(name), {"data": data, "losses": losses, "noise": noise})


def _constructor(name):
    return f"losses.{name}({', '.join(_arguments(name))})"


def _arguments(name):
    """The arguments of a loss as text: those without a default, and the authors' where the comparison has them."""
    known = {
        "num_classes": "data.num_classes",
        "num_examples": "len(data.train)",
        "transition": "data.transition",
        "matrix": "noise.symmetric(data.num_classes, rate=0.1)",
        "loss": "losses.CrossEntropy(data.num_classes)",
    }
    authors = {
        key: repr(value(_TRAINING) if callable(value) else value) for key, value in ARGUMENTS.get(name, {}).items()
    }
    for one in inspect.signature(getattr(losses, name)).parameters.values():
        needed = one.default is one.empty and one.kind is not one.VAR_KEYWORD
        if needed and one.name in known:
            yield known[one.name]
        elif needed or one.name in authors:
            yield f"{one.name}={authors[one.name]}"
