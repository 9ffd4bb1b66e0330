"""What an experiment is: frozen data that say everything a run depends on. A variant is `dataclasses.replace`."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import keras
import numpy as np

import models
from experiments import clothing1m, sources
from experiments.measures import Measure
from tfp_noise import DistilledClassifier, NoisyLabelClassifier, _validation, losses, noise

_TRANSITIONS: dict[str, Callable] = {
    "none": lambda data, _: np.eye(data.num_classes),
    "symmetric": lambda data, rate: noise.symmetric(data.num_classes, rate),
    "symmetric_other": lambda data, rate: noise.symmetric(data.num_classes, rate, include_true=False),
    "asymmetric": lambda data, rate: noise.asymmetric(data.name, rate),
    "pair_flip": lambda data, rate: noise.pair_flip(data.num_classes, rate),
}


@dataclasses.dataclass(frozen=True)
class Noise:
    """Label noise of an experiment.

    Args:
        kind: "none", "symmetric" (to any class, the true one included), "symmetric_other" (to any other class),
            "asymmetric" (the published map of the data set), "pair_flip" (to the next class), or "human" for data sets
            that come with annotators' labels.
        rate: probability of a flip, as the papers count it.
        exact: flip exact counts instead of drawing each label on its own.
    """

    kind: str
    rate: float = 0.0
    exact: bool = False

    def __post_init__(self):
        _validation.check_choice("kind", self.kind, [*_TRANSITIONS, "human"], "kind of noise")
        _validation.check_number("rate", self.rate, 0, 1)

    @property
    def name(self):
        """Kind and rate in percent, as in "symmetric40"."""
        return f"{self.kind}{round(100 * self.rate)}" if self.rate else self.kind

    def apply(self, data, seed):
        """`data` with observed labels."""
        if self.kind == "human":
            if data.transition is None:
                raise ValueError(f"Noise 'human' needs annotators' labels. Received: {data.name!r}, which has none.")
            return data
        return noise.corrupt_dataset(data, _TRANSITIONS[self.kind](data, self.rate), seed, exact=self.exact)


class Resolver:
    """An argument of a method that is made when a run has its noisy data and its predecessor's model."""

    needs_predecessor = False

    def __call__(self, data, predecessor):
        """The argument; `predecessor` is a trained model, or `None`."""
        raise NotImplementedError


@dataclasses.dataclass(frozen=True)
class Method:
    """A loss with its settings, as it stands in a table.

    Args:
        label: the row's name.
        loss: a class of `tfp_noise.losses`.
        arguments: what its constructor gets after `num_classes`; of a `Resolver`, such as those of
            `experiments.transitions`, what it gives for the noisy data and the predecessor's model.
        distillation: arguments of `DistilledClassifier`, whose teacher is the predecessor's model; without them the
            labels alone are learned.
    """

    label: str
    loss: type[losses.NoisyLabelLoss]
    arguments: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    distillation: Mapping[str, Any] | None = None

    @property
    def needs_predecessor(self):
        """Whether an argument, or the teacher, comes from another run."""
        from_others = any(isinstance(value, Resolver) and value.needs_predecessor for value in self.arguments.values())
        return from_others or self.distillation is not None

    def build_loss(self, data, predecessor):
        """The loss for `data`, with its state at the start."""
        made = {
            key: value(data, predecessor) if isinstance(value, Resolver) else value
            for key, value in self.arguments.items()
        }
        return self.loss(data.num_classes, **made)

    def build_classifier(self, network, loss, predecessor):
        """`network` and `loss` as a model to be trained."""
        if self.distillation is None:
            return NoisyLabelClassifier(network, loss)
        return DistilledClassifier(network, loss, predecessor, **self.distillation)

    def settings(self):
        """Everything above as plain JSON."""
        plain = {
            "label": self.label,
            "loss": self.loss.__name__,
            "arguments": {key: _plain(value) for key, value in self.arguments.items()},
        }
        return plain if self.distillation is None else {**plain, "distillation": dict(self.distillation)}


def _plain(argument):
    if isinstance(argument, Resolver):
        return repr(argument)
    if isinstance(argument, keras.optimizers.schedules.LearningRateSchedule):
        return keras.optimizers.schedules.serialize(argument)
    return argument


CLEAN = Noise("none")

# Between the training seeds of a run and of what builds on it.
_NEXT_STAGE = 1_000_000
MAX_SEED = _NEXT_STAGE - 1

DTYPE_POLICIES = ("float32", "mixed_bfloat16", "mixed_float16")
CROSS_ENTROPY = Method("CE", losses.CrossEntropy)
ADAM = ("Adam", {"learning_rate": 1e-3})


@dataclasses.dataclass(frozen=True)
class Experiment:
    """One training run but for its seed.

    Args:
        name: unique; also the folder of its results.
        dataset: a name that `tfp_noise.datasets.load` knows; of a stream, one that `datasets.stream` knows.
        noise: a `Noise`.
        model: a name that `models.build` knows.
        method: a `Method`.
        epochs: passes over the training split.
        batch_size: examples a step.
        optimizer: class name and arguments of a `keras.optimizers.Optimizer`.
        augmentation: as in `tfp_noise.pipeline.batches`.
        published: the paper's clean test accuracy in percent, mean and standard deviation (`None` where it gives
            none), or `None`.
        predecessor: an experiment to be trained before this one, with its seed: the model that a transition is
            estimated from, or the teacher.
        source: where examples come from: of `experiments.sources`, or `Clothing1M()`.
        measures: of `experiments.measures`, what is measured beyond the scores that every run has.
        dtype_policy: of the network: "float32", "mixed_bfloat16", or "mixed_float16", whose loss Keras scales. What a
            loss computes and keeps is float32 under each.
        seed: of the noise, and of initialisation, order and augmentation (see `training_seed`).

    Raises:
        ValueError: if the predecessor has other data (but all of those that this one has a part of), noise or seed
            (`with_seed` changes both), or is missing where it is needed.
    """

    name: str
    dataset: str
    noise: Noise
    model: str
    method: Method
    epochs: int
    batch_size: int
    optimizer: tuple[str, Mapping[str, Any]]
    augmentation: Callable | None = None
    published: tuple[float, float | None] | None = None
    predecessor: "Experiment | None" = None
    source: sources.InMemory | sources.Stream | clothing1m.Clothing1M = sources.InMemory()  # noqa: RUF009 (frozen)
    measures: tuple[Measure, ...] = ()
    dtype_policy: str = "float32"
    seed: int = 0

    def __post_init__(self):
        _validation.check_choice("dtype_policy", self.dtype_policy, DTYPE_POLICIES)
        if self.predecessor is None:
            if self.method.needs_predecessor:
                raise ValueError(f"`predecessor` must be an experiment for {self.method.label!r}. Received: None.")
            return
        for name in ("dataset", "source", "noise", "seed"):
            ours, first = getattr(self, name), getattr(self.predecessor, name)
            # What was learned from all examples may be handed on to a part of them: no held-out example leaks.
            if ours != first and not (name == "source" and sources.is_part(ours, first)):
                raise ValueError(f"`predecessor` must have the same {name}. Received: {first!r}, and here {ours!r}.")

    def variant(self, folder, method, **changes):
        """The same with another method and other fields, under the name `folder/noise/method`."""
        noise = changes.get("noise", self.noise)
        return dataclasses.replace(self, name=f"{folder}/{noise.name}/{method.label}", method=method, **changes)

    def with_seed(self, seed):
        """The same with another seed, the predecessor's too."""
        return dataclasses.replace(self, seed=seed, predecessor=self.predecessor and self.predecessor.with_seed(seed))

    @property
    def training_seed(self):
        """Seed of initialisation, order and augmentation: not the predecessor's, or a student starts as its teacher."""
        return self.seed if self.predecessor is None else self.predecessor.training_seed + _NEXT_STAGE

    def build_network(self, input_shape, num_outputs):
        """A new network, under the experiment's dtype policy."""
        before = keras.config.dtype_policy()
        keras.config.set_dtype_policy(self.dtype_policy)
        try:
            return models.build(self.model, input_shape, num_outputs)
        finally:
            keras.config.set_dtype_policy(before)

    def build_optimizer(self):
        """A new optimizer."""
        class_name, arguments = self.optimizer
        schedule = keras.optimizers.schedules.deserialize
        made = {key: schedule(value) if isinstance(value, Mapping) else value for key, value in arguments.items()}
        name = class_name.lower()  # or Keras counts those of this process, and a resumed run says another one
        return keras.optimizers.get({"class_name": class_name, "config": {"name": name, **made}})

    def settings(self):
        """Everything above as plain JSON, to stand beside a result."""
        plain = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        del plain["predecessor"]
        plain |= {
            "noise": dataclasses.asdict(self.noise),
            "source": dataclasses.asdict(self.source),
            "measures": list(map(repr, self.measures)),
            "method": self.method.settings(),
            "augmentation": repr(self.augmentation) if self.augmentation else None,
            "optimizer": {self.optimizer[0]: dict(self.optimizer[1])},
            "published": list(self.published) if self.published else None,
        }
        if self.predecessor:
            plain["predecessor"] = self.predecessor.settings()
        if self.source == sources.InMemory():
            del plain["source"]
        if not self.measures:
            del plain["measures"]
        if self.dtype_policy == "float32":
            del plain["dtype_policy"]
        return plain

    def smoke(self):
        """The same in two epochs: does it run?"""
        short = {"name": f"smoke/{self.name}", "epochs": min(2, self.epochs), "published": None}
        return dataclasses.replace(self, **short, predecessor=self.predecessor and self.predecessor.smoke())

    def grown(self, factor):
        """The same in batches `factor` times as large, the learning rate likewise: Goyal et al.'s linear rule.

        Another experiment, under the name `batch_xN/...`, which the paper's number is not for; of a factor of 1 it is
        the same one. What a method counts in steps, or learns at a rate of its own, stays as it is.

        Raises:
            ValueError: if the optimizer's learning rate is not declared.
        """
        if factor == 1:
            return self
        class_name, arguments = self.optimizer
        if "learning_rate" not in arguments:
            raise ValueError(f"`optimizer` must declare its learning_rate. Received: {self.optimizer!r}.")
        rate = arguments["learning_rate"]
        if isinstance(rate, Mapping):
            rate = {"class_name": "tfp_noise>LargerBatch", "config": {"schedule": rate, "factor": factor}}
        else:
            rate = factor * rate
        changes = {
            "batch_size": factor * self.batch_size,
            "optimizer": (class_name, {**arguments, "learning_rate": rate}),
        }
        changes |= {"name": f"batch_x{factor}/{self.name}", "published": None}
        return dataclasses.replace(self, **changes, predecessor=self.predecessor and self.predecessor.grown(factor))
