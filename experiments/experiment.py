"""Experiments as frozen data that say everything a run depends on. A variant is `dataclasses.replace`."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import keras

import models
from experiments import sources
from experiments.evaluation.measures import Measure
from experiments.evaluation.resolvers import Resolver
from experiments.sources.label_noise import Noise
from tfp_noise import DistilledClassifier, NoisyLabelClassifier, _validation, losses


@dataclasses.dataclass(frozen=True)
class Method:
    """A loss with its settings, as it stands in a table.

    Args:
        label: the row's name.
        loss: a class of `tfp_noise.losses`.
        arguments: what its constructor gets after `num_classes`. A `Resolver` of `experiments.evaluation.resolvers`
            is called first, with the noisy data and the predecessor's model.
        distillation: arguments of `DistilledClassifier`, whose teacher is the predecessor's model; `None` for a
            method that learns the labels alone.
        classifier: `NoisyLabelClassifier`, or a subclass of it that trains otherwise and needs no teacher.
        training: what the constructor of that subclass gets after the loss, like `arguments`.
    """

    label: str
    loss: type[losses.NoisyLabelLoss]
    arguments: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    distillation: Mapping[str, Any] | None = None
    classifier: type[NoisyLabelClassifier] = NoisyLabelClassifier
    training: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    @property
    def needs_predecessor(self):
        """True if an argument, or the teacher, comes from another run."""
        values = [*self.arguments.values(), *self.training.values()]
        from_others = any(isinstance(value, Resolver) and value.needs_predecessor for value in values)
        return from_others or self.distillation is not None

    def build_loss(self, data, predecessor):
        """Return a new loss.

        Args:
            data: the noisy `Dataset` of the run.
            predecessor: the model of the run before this one, or `None`.
        """
        return self.loss(data.num_classes, **_resolved(self.arguments, data, predecessor))

    def build_classifier(self, network, loss, data, predecessor):
        """Return a model to be trained, not compiled.

        Args:
            network: a `keras.Model` with as many outputs as the loss needs.
            loss: as `build_loss` returns it.
            data: as in `build_loss`.
            predecessor: as in `build_loss`.
        """
        if self.distillation is None:
            return self.classifier(network, loss, **_resolved(self.training, data, predecessor))
        return DistilledClassifier(network, loss, predecessor, **self.distillation)

    def settings(self):
        """Return everything above as plain JSON."""
        plain = {
            "label": self.label,
            "loss": self.loss.__name__,
            "arguments": {key: _plain(value) for key, value in self.arguments.items()},
        }
        if self.distillation is not None:
            plain["distillation"] = dict(self.distillation)
        if self.classifier is not NoisyLabelClassifier:
            plain["classifier"] = self.classifier.__name__
            plain["training"] = {key: _plain(value) for key, value in self.training.items()}
        return plain


def _resolved(arguments, data, predecessor):
    return {key: value(data, predecessor) if isinstance(value, Resolver) else value for key, value in arguments.items()}


def _plain(argument):
    if isinstance(argument, Resolver):
        return repr(argument)
    if isinstance(argument, keras.optimizers.schedules.LearningRateSchedule):
        return keras.optimizers.schedules.serialize(argument)
    return argument


CLEAN = Noise("none")

# Distance between the training seeds of a run and of the one that builds on it.
_NEXT_STAGE = 1_000_000
MAX_SEED = _NEXT_STAGE - 1

DTYPE_POLICIES = ("float32", "mixed_bfloat16", "mixed_float16")
CROSS_ENTROPY = Method("CE", losses.CrossEntropy)
ADAM = ("Adam", {"learning_rate": 1e-3})


@dataclasses.dataclass(frozen=True)
class Experiment:
    """One training run, its seed included.

    Args:
        name: unique; also the folder of its results.
        dataset: a name that `tfp_noise.datasets.load` knows, or for a `sources.Stream` one that `datasets.stream` does.
        noise: a `Noise`.
        model: a name that `models.build` knows.
        method: a `Method`.
        epochs: passes over the training split.
        batch_size: examples a step.
        optimizer: class name and arguments of a `keras.optimizers.Optimizer`.
        augmentation: as in `tfp_noise.pipeline.batches`.
        published: the paper's clean test accuracy in percent, mean and standard deviation (`None` where it gives
            none), or `None`.
        predecessor: an experiment to be trained before this one, with its seed: its model is the teacher, or a
            transition is estimated from it.
        source: a `Source` of `experiments.sources`, which reads the examples.
        measures: tuple of `Measure`, what is measured beyond the scores that every run has.
        dtype_policy: of the network: "float32", "mixed_bfloat16", or "mixed_float16", whose loss Keras scales. What a
            loss computes and keeps is float32 under each.
        seed: int, of the noise, and of initialisation, order and augmentation (see `training_seed`).

    Raises:
        ValueError: if the predecessor has other data, noise or seed (`with_seed` changes both), or is missing where it
            is needed; for exact noise on a stream; or if the loss remembers examples and the source gives no ids. The
            predecessor of an experiment on a part of the data may have all of them.
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
    source: sources.Source = sources.InMemory()  # noqa: RUF009 (frozen)
    measures: tuple[Measure, ...] = ()
    dtype_policy: str = "float32"
    seed: int = 0

    def __post_init__(self):
        _validation.check_choice("dtype_policy", self.dtype_policy, DTYPE_POLICIES)
        if self.noise.exact and isinstance(self.source, sources.Stream):
            raise ValueError(
                "`noise` must not be exact for a stream, whose labels cannot be counted first. "
                f"Received: {self.noise!r}. Give `exact=False`."
            )
        if self.method.loss.needs_ids and not self.source.gives_ids:
            raise ValueError(
                f"`source` must give ids of examples for {self.method.label!r}, which remembers each one. Received: "
                f"{self.source!r}. Take `sources.InMemory`."
            )
        if self.predecessor is None:
            if self.method.needs_predecessor:
                raise ValueError(f"`predecessor` must be an experiment for {self.method.label!r}. Received: None.")
            return
        for name in ("dataset", "source", "noise", "seed"):
            ours, first = getattr(self, name), getattr(self.predecessor, name)
            # A model of all examples may be handed on to a part of them, because it saw none that is held out.
            if ours != first and not (name == "source" and ours.is_part_of(first)):
                raise ValueError(f"`predecessor` must have the same {name}. Received: {first!r}, and here {ours!r}.")

    def variant(self, folder, method, **changes):
        """Return the experiment with another method and other fields, under the name `folder/noise/method`."""
        noise = changes.get("noise", self.noise)
        return dataclasses.replace(self, name=f"{folder}/{noise.name}/{method.label}", method=method, **changes)

    def with_seed(self, seed):
        """Return the experiment with another seed, which its predecessor gets, too."""
        return dataclasses.replace(self, seed=seed, predecessor=self.predecessor and self.predecessor.with_seed(seed))

    @property
    def training_seed(self):
        """Seed of initialisation, order and augmentation; a student has another one than its teacher."""
        return self.seed if self.predecessor is None else self.predecessor.training_seed + _NEXT_STAGE

    def noisy_data(self, data_dir):
        """Return the data set with noisy labels.

        Args:
            data_dir: where TensorFlow Datasets keeps its data; its own default if `None`.
        """
        return self.noise.apply(self.source.load(self.dataset, data_dir), self.seed)

    def batches(self, noisy, data_dir, first_epoch=0):
        """Return the batches of the training, under the present `tf.distribute` strategy.

        Args:
            noisy: what `noisy_data` returned.
            data_dir: as in `noisy_data`.
            first_epoch: int, the epoch that the batches begin with.

        Returns:
            A `tfp_noise.pipeline.Batches`.
        """
        return self.source.batches(
            noisy,
            batch_size=self.batch_size,
            augmentation=self.augmentation,
            seed=self.training_seed,
            noise_seed=self.seed,
            data_dir=data_dir,
            first_epoch=first_epoch,
            **({"with_ids": True} if self.method.loss.needs_ids else {}),
        )

    def build_network(self, input_shape, num_outputs):
        """Return a new network under the experiment's dtype policy.

        Args:
            input_shape: tuple of int, of one example.
            num_outputs: int, how many outputs the loss needs.
        """
        before = keras.config.dtype_policy()
        keras.config.set_dtype_policy(self.dtype_policy)
        try:
            return models.build(self.model, input_shape, num_outputs)
        finally:
            keras.config.set_dtype_policy(before)

    def build_optimizer(self):
        """Return a new optimizer."""
        class_name, arguments = self.optimizer
        schedule = keras.optimizers.schedules.deserialize
        made = {key: schedule(value) if isinstance(value, Mapping) else value for key, value in arguments.items()}
        name = class_name.lower()  # or Keras numbers the optimizers of a process, and a resumed run stores another name
        return keras.optimizers.get({"class_name": class_name, "config": {"name": name, **made}})

    def settings(self):
        """Return everything above as plain JSON, to stand beside a result."""
        plain = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        del plain["predecessor"]
        plain |= {
            "noise": dataclasses.asdict(self.noise),
            "source": self.source.settings(),
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
        """Return the experiment with two epochs, under the name `smoke/...`, to see whether it runs."""
        short = {"name": f"smoke/{self.name}", "epochs": min(2, self.epochs), "published": None}
        return dataclasses.replace(self, **short, predecessor=self.predecessor and self.predecessor.smoke())

    def with_linear_scaling(self, factor):
        """Return the experiment with batch size and learning rate times `factor`, by the linear scaling rule.

        It is another experiment, under the name `batch_xN/...`, and has no published number; a factor of 1 returns the
        same one. Steps that a method counts, and learning rates of its own, stay as they are.

        Args:
            factor: int >= 1.

        Raises:
            ValueError: if the optimizer's learning rate is not declared.

        References:
            Goyal et al. Accurate, large minibatch SGD: training ImageNet in 1 hour. 2017.
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
        return dataclasses.replace(
            self, **changes, predecessor=self.predecessor and self.predecessor.with_linear_scaling(factor)
        )
