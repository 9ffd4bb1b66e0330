"""The classifiers that train otherwise than `NoisyLabelClassifier`, each on a small network, for their contract."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import keras
import numpy as np

from tests.helpers import small_classifier
from tfp_noise import (
    CoTeaching,
    DepthDistillation,
    DistilledClassifier,
    DistortionDistillation,
    DynamicBootstrap,
    LearningToReweight,
    MetaWeightNet,
    NoisyLabelClassifier,
    PrototypeCorrection,
    losses,
)

K, BATCH = 3, 24
# In the order of the labels, batch by batch, so that the two halves of a batch differ.
_ORDER = np.concatenate([rows[np.argsort(small_classifier.LABELS[rows])] for rows in np.split(np.arange(48), 2)])
FEATURES, LABELS = small_classifier.FEATURES[_ORDER], small_classifier.LABELS[_ORDER]
CLEAN = {"clean": (FEATURES[:20] + 0.1, LABELS[:20]), "clean_batch_size": 8, "seed": 3}


@dataclasses.dataclass(frozen=True)
class Case:
    """A classifier and what its contract needs to know of it.

    Args:
        cls: the class.
        arguments: function from the network to the other arguments but the loss. Those that have defaults get others.
        switched_off: function from a function `build(network, **changes)` to a model that trains as
            `NoisyLabelClassifier` does; or the reason why there is none.
        tolerance: relative difference of the weights from those of `NoisyLabelClassifier`; 0 for the same bits.
        loss: of the number of classes; one that keeps a state between steps, if the class takes such a one.
        networks: names of the attributes that hold the networks it trains.
        without_draws: arguments with which its steps draw no random numbers.
        takes_memory: bool, True if its loss may remember each example; otherwise such a loss is refused.
        takes_subclassed: bool, False if the network must be Functional or Sequential; another one is then refused.
        counts_weight_0: the reason why an example of weight 0 may change the training; `None` if it must not.
    """

    cls: type
    arguments: Callable[[keras.Model], Mapping[str, Any]]
    switched_off: Callable | str
    tolerance: float = 1e-4
    loss: Callable = losses.OnlineLabelSmoothing
    networks: tuple[str, ...] = ("network",)
    without_draws: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    takes_memory: bool = False
    takes_subclassed: bool = True
    counts_weight_0: str | None = None

    def build(self, network=small_classifier.network, **changes):
        """The classifier, not compiled, of a network that `network(num_outputs)` makes."""
        loss = self.loss(K)
        own = network(loss.num_outputs)
        return self.cls(own, loss, **{**self.arguments(own), **changes})


def without_draws(num_outputs):
    """A network without random numbers and without statistics of a batch, for comparisons of ways to compute."""
    return keras.Sequential(
        [keras.Input([6]), keras.layers.Dense(8, activation="relu"), keras.layers.Dense(num_outputs)]
    )


@keras.saving.register_keras_serializable("tests")
class Subclassed(keras.Model):
    """A network whose layers Keras does not know before it is called."""

    def __init__(self, num_outputs, **kwargs):
        super().__init__(**kwargs)
        self.num_outputs = num_outputs
        self.hidden, self.last = keras.layers.Dense(8, activation="relu"), keras.layers.Dense(num_outputs)

    def call(self, inputs):
        return self.last(self.hidden(inputs))

    def get_config(self):
        return {"num_outputs": self.num_outputs}


def teacher(network):
    model = NoisyLabelClassifier(keras.models.clone_model(network), losses.CrossEntropy(K))
    model(FEATURES[:1])
    return model


def with_frozen_stage(build):
    """With heads on a layer that is not trained, they change nothing."""
    model = build()
    model.network.layers[0].trainable = False
    return model


def with_equal_weights(build):
    model = build(learning_rate=0.0)
    for variable in model.weight_network.variables:
        variable.assign(0 * variable.value)
    return model


CLASSIFIERS_UNDER_TEST = {
    "CoTeaching": Case(
        CoTeaching,
        lambda network: {"peer": keras.models.clone_model(network), "forget_rate": 0.4, "ramp_steps": 2},
        lambda build: build(forget_rate=0.0),
        tolerance=0.0,
        loss=losses.CrossEntropy,
        networks=("network", "peer"),
        counts_weight_0="weights have no part in the choice, in which the example may take another one's place",
    ),
    "DepthDistillation": Case(
        DepthDistillation,
        lambda network: {
            "stages": [network.layers[0].name],
            "distillation_weight": 0.3,
            "temperature": 2.0,
            "hint_weight": 0.01,
        },
        with_frozen_stage,
        takes_memory=True,
        takes_subclassed=False,
    ),
    "DistilledClassifier": Case(
        DistilledClassifier,
        lambda network: {"teacher": teacher(network), "temperature": 3.0, "label_weight": 0.3},
        lambda build: build(label_weight=1.0),
        tolerance=0.0,
    ),
    "DistortionDistillation": Case(
        DistortionDistillation,
        lambda _: {"distortion": keras.layers.Dropout(0.3), "weight": 0.5, "temperature": 2.0},
        lambda build: build(without_draws, distortion=keras.layers.Identity(), weight=0.0),
        without_draws={"distortion": keras.layers.Identity()},
    ),
    "DynamicBootstrap": Case(
        DynamicBootstrap,
        lambda _: {"warm_up": 1, "hard": False, "mixup": 4, "prior_weight": 0.5},
        lambda build: build(warm_up=9, mixup=0),
        tolerance=1e-5,
        without_draws={"mixup": 0},
    ),
    "LearningToReweight": Case(
        LearningToReweight,
        lambda _: CLEAN,
        "no argument makes examples help alike; tests/classifiers/test_reweighting.py has data that do",
        loss=losses.CrossEntropy,
    ),
    "MetaWeightNet": Case(
        MetaWeightNet,
        lambda _: {**CLEAN, "learning_rate": 0.01},
        with_equal_weights,
        loss=losses.CrossEntropy,
        counts_weight_0="learned weights, which do not depend on given ones, are divided by their sum over a batch",
    ),
    "PrototypeCorrection": Case(
        PrototypeCorrection,
        lambda _: {"warm_up": 1, "weight": 0.3, "num_prototypes": 2, "num_samples": 20},
        lambda build: build(warm_up=9),
        tolerance=1e-5,
        takes_subclassed=False,
    ),
}
