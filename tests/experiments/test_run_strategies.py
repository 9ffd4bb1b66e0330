"""An experiment on several replicas: the same result, one writer, and larger batches as experiments of their own."""

import dataclasses

import keras
import numpy as np
import pytest
from absl import flags

from experiments import papers, sources
from experiments.console import shared_flags
from experiments.experiment import CROSS_ENTROPY, Experiment, Noise
from experiments.run import run
from tfp_noise import distribute

WHOLE_BATCHES = Experiment(
    name="small/symmetric40/CE",
    dataset="digits",
    noise=Noise("symmetric", 0.4),
    model="digits_cnn",
    method=CROSS_ENTROPY,
    epochs=2,
    batch_size=128,
    optimizer=("SGD", {"learning_rate": 0.01, "momentum": 0.9}),
    source=sources.InMemory(part=sources.FirstExamples(1024)),
)


@pytest.mark.thorough
def test_two_replicas_have_the_result_of_one_device(two_replicas, tmp_path):
    one = run(WHOLE_BATCHES, tmp_path / "one")
    two = run(WHOLE_BATCHES, tmp_path / "two", strategy=two_replicas)
    assert (one["made_by"]["strategy"], one["made_by"]["replicas"]) == ("default", 1)
    assert (two["made_by"]["strategy"], two["made_by"]["replicas"]) == ("mirrored", 2)
    assert one["settings"] == two["settings"]
    stored = [np.load(tmp_path / name / WHOLE_BATCHES.name / "seed0.npz") for name in ("one", "two")]
    np.testing.assert_allclose(*(arrays["test_probabilities"] for arrays in stored), atol=1e-5)


def test_only_the_chief_writes_and_speaks(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(distribute, "is_chief", lambda _: False)
    quick = dataclasses.replace(WHOLE_BATCHES, optimizer=("Adam", {"learning_rate": 3e-3}))
    result = run(quick, tmp_path, strategy=distribute.strategy())
    assert 0 < result["scores"]["test_accuracy"] < 1
    assert not list(tmp_path.iterdir())
    assert not capsys.readouterr().out


def test_a_batch_that_replicas_cannot_divide_is_refused_before_any_work(two_replicas, tmp_path):
    odd = dataclasses.replace(WHOLE_BATCHES, batch_size=127, dataset="not even looked for")
    with pytest.raises(ValueError, match=r"multiple of the 2 replicas. Received: 127. Take 126 or 128"):
        run(odd, tmp_path, strategy=two_replicas)
    assert not list(tmp_path.iterdir())


def test_a_scaled_batch_goes_as_far_by_the_examples_seen():
    """The learning rate of a step is that of the declared batch, at as many examples, times the factor."""
    schedules = [
        {"class_name": "PiecewiseConstantDecay", "config": {"boundaries": [8, 15], "values": [0.1, 0.01, 0.001]}},
        {"class_name": "CosineDecay", "config": {"initial_learning_rate": 0.1, "decay_steps": 40}},
    ]
    for declared in schedules:
        plain = dataclasses.replace(WHOLE_BATCHES, optimizer=("SGD", {"learning_rate": declared, "momentum": 0.9}))
        scaled = plain.with_linear_scaling(4)
        rate, reference = scaled.build_optimizer()._learning_rate, plain.build_optimizer()._learning_rate
        for step in range(9):
            assert float(rate(step)) == pytest.approx(4 * float(reference(4 * step)), rel=1e-6)
        again = keras.optimizers.deserialize(keras.optimizers.serialize(scaled.build_optimizer()))
        assert float(again._learning_rate(3)) == float(rate(3))
    assert scaled.optimizer[1]["momentum"] == 0.9
    assert WHOLE_BATCHES.with_linear_scaling(4).optimizer == ("SGD", {"learning_rate": 0.04, "momentum": 0.9})
    assert WHOLE_BATCHES.with_linear_scaling(4).batch_size == 512


def test_a_scaled_batch_is_another_experiment():
    published = dataclasses.replace(WHOLE_BATCHES, published=(50.0, 1.0), predecessor=WHOLE_BATCHES)
    scaled = published.with_linear_scaling(2)
    assert (scaled.name, scaled.published) == ("batch_x2/small/symmetric40/CE", None)
    assert scaled.predecessor == WHOLE_BATCHES.with_linear_scaling(2)
    assert scaled.smoke().name == "smoke/batch_x2/small/symmetric40/CE"
    assert published.with_linear_scaling(1) is published
    with pytest.raises(ValueError, match=r"`optimizer` must declare its learning_rate. Received: .*SGD"):
        dataclasses.replace(WHOLE_BATCHES, optimizer=("SGD", {})).with_linear_scaling(2)


def test_every_experiment_of_the_papers_can_be_scaled():
    every = [one for paper in ("LS", "LN", "OLS", "LLS") for one in papers.under(paper)]
    for experiment in {repr(one.optimizer): one for one in every}.values():
        both = experiment.with_linear_scaling(8), experiment
        rate, declared = (one.build_optimizer()._learning_rate for one in both)
        if isinstance(declared, keras.optimizers.schedules.LearningRateSchedule):
            rate, declared = rate(10), declared(80)
        assert float(rate) == pytest.approx(8 * float(declared), rel=1e-6)


@pytest.fixture
def told(monkeypatch):
    """Sets flags, those of `define` otherwise as they are by default."""

    def tell(**values):
        own = flags.FlagValues()
        with monkeypatch.context() as context:
            context.setattr(flags, "FLAGS", own)
            for kind in ("string", "list", "integer", "bool"):
                define = getattr(flags, f"DEFINE_{kind}")
                here = lambda *arguments, define=define: define(*arguments, flag_values=own)  # noqa: E731
                context.setattr(flags, f"DEFINE_{kind}", here)
            shared_flags.define_training()
        own(["script", *(f"--{name}={value}" for name, value in values.items())])
        monkeypatch.setattr(flags, "FLAGS", own)

    return tell


def test_flags_say_where_to_train(told, two_replicas, monkeypatch):
    told()
    assert distribute.description(shared_flags.build_strategy()) == {"strategy": "default", "replicas": 1}
    told(strategy="mirrored", devices="CPU:0,CPU:1", num_replicas=2)
    assert shared_flags.build_strategy() is two_replicas
    assert shared_flags.adapted(WHOLE_BATCHES, two_replicas) is WHOLE_BATCHES
    told(linear_scaling=True)
    assert shared_flags.adapted(WHOLE_BATCHES, two_replicas) == WHOLE_BATCHES.with_linear_scaling(2)
    told(strategy="multi_worker", workers="a:1")
    with pytest.raises(ValueError, match="--workers and --worker_index belong together"):
        shared_flags.build_strategy()
    given = {}
    monkeypatch.setattr(distribute, "strategy", lambda name, **arguments: given.update(arguments, name=name))
    told(strategy="multi_worker", workers="a:1,b:2", worker_index=1, communication="ring")
    shared_flags.build_strategy()
    expected = {"devices": None, "num_replicas": None, "tpu": None, "communication": "ring", "name": "multi_worker"}
    assert given == {**expected, "cluster": distribute.Cluster(["a:1", "b:2"], 1)}
