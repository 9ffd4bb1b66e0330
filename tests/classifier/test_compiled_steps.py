"""The whole training step of every loss as one XLA program, with static shapes and without host operations.

The tests inspect the program before it is compiled for a particular chip; up to there it is the same for TPUs and GPUs.
It has not run on a TPU. Only a TPU can show how TensorFlow's replication and sums across replicas work there, how XLA's
compiler for TPUs handles the program (it emulates 64-bit integers, which the counters of Keras and TensorFlow are), and
how fast it is.
"""

import re

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorflow.python.distribute import tpu_values
from tensorflow.python.tpu import tpu_replication

from tests.helpers.further_settings import FURTHER_SETTINGS
from tests.helpers.losses_under_test import LOSSES_UNDER_TEST, first_of_class, names_of_every_setting, with_ids
from tfp_noise import NoisyLabelClassifier, losses
from tfp_noise.losses import _state

K, BATCH, FEATURES = 5, 8, 6

# Losses of the table with their own generators, and settings that keep or update their state in another way.
BUILDS = {
    name: lambda case=case: type(case.build(K)).from_config(case.build(K).get_config())
    for name, case in LOSSES_UNDER_TEST.items()
} | {name: lambda build=build: build(K) for name, build in FURTHER_SETTINGS.items()}


def batches(number):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(number, BATCH, FEATURES)).astype("float32")
    y = x[..., :K].argmax(-1).astype("int32")
    return [tuple(map(tf.constant, batch)) for batch in zip(x, y, rng.random((number, BATCH), "float32"), strict=True)]


def classifier(loss, network=None):
    keras.utils.set_random_seed(0)
    network = network or keras.Sequential([keras.Input([FEATURES]), keras.layers.Dense(loss.num_outputs)])
    model = NoisyLabelClassifier(network, loss)
    model.compile(keras.optimizers.SGD(0.01, momentum=0.9, weight_decay=1e-3), metrics=["accuracy"])
    return model


def all_steps(model):
    """Training (loss, statistics, gradients, update, metrics) with labels of both kinds, validation, prediction."""

    def steps(x, y, *weights):
        soft = tf.one_hot(y, model.loss.num_classes)
        trained = [
            model.train_step((x, with_ids(model.loss, y))),
            model.train_step((x, with_ids(model.loss, soft), *weights)),
        ]
        return trained, model.test_step((x, y, *weights)), model.predict_step((x,))

    return steps


def obstacles(function, *arguments):
    """Operations of a function's graph, or of its XLA program, that an accelerator cannot run without the host."""
    compiled = tf.function(function, jit_compile=True, autograph=False)
    graph = compiled.get_concrete_function(*arguments).graph.as_graph_def()
    definitions = [graph.node, *(one.node_def for one in graph.library.function)]
    operations = {definition.op for several in definitions for definition in several}
    found = {name for name in operations if re.search("PyFunc|Assert|Print|String", name)}
    try:
        program = compiled.experimental_get_compiler_ir(*arguments)(stage="hlo")
    except (tf.errors.OpError, ValueError) as error:
        return {*found, str(error)}
    found |= set(re.findall(r" (?:infeed|outfeed|send|recv)\(", program))
    found |= set(re.findall(r"\[[^\]]*<=\d[^\]]*\]", program))  # a dynamic dimension
    found |= set(re.findall(r"\bf64\[", program))
    # XLA itself implements these two operations for every kind of device.
    return found | set(
        re.findall('custom_call_target="(?!Qr"|ProductOfElementaryHouseholderReflectors")[^"]*"', program)
    )


# All settings take too long: one of each class, of which a few run every day, and a few with state from step to step.
FIRST_OF_CLASS = first_of_class({name: build() for name, build in BUILDS.items()})
COMPILED_DAILY = ["noise_against_noise", "learnable", "logistic_normal"]
TRAINED_DAILY = {"early_learning", "noise_against_noise", "logistic_normal_annealed", "online_steps_top"}


@pytest.mark.parametrize("name", names_of_every_setting(FIRST_OF_CLASS, BUILDS))
@pytest.mark.daily(*COMPILED_DAILY)
def test_all_steps_are_programs_for_an_accelerator(name):
    model = classifier(BUILDS[name]())
    x, y, weights = batches(1)[0]
    model.compute_metrics(x, y, model(x))  # Keras creates the metrics at their first use
    assert obstacles(all_steps(model), x, y, *[] if name == "backward_non_negative" else [weights]) == set()


@pytest.mark.parametrize("name", ["online", "online_top", "learnable_top"])
def test_the_end_of_an_epoch_is_a_program_for_an_accelerator(name):
    model = classifier(BUILDS[name]())
    x, y, _ = batches(1)[0]
    model.compute_loss(x, y, model(x))  # an epoch must have a batch before it ends
    assert obstacles(model.loss_state.end_epoch) == set()


def on_host(labels):
    return tf.numpy_function(lambda labels: labels + 1, [labels], tf.int32)


def printed(labels):
    tf.print(labels)
    return labels


def asserted(labels):
    tf.debugging.assert_less(labels, K)
    return labels


@pytest.mark.parametrize(
    ("function", "obstacle"),
    [
        (on_host, "PyFunc"),
        (printed, "Print"),
        (asserted, "Assert"),
        (lambda labels: tf.boolean_mask(labels, labels > 1), r"\[<=8\]"),
        (lambda labels: tf.unique(labels)[0], r"<=8|Unique"),
        (lambda labels: tf.cast(labels, "float64") / 3, r"f64"),
        (lambda labels: tf.linalg.det(tf.cast(labels[:4], "float32") * tf.eye(4)), "MatrixDeterminant"),
        (lambda labels: tf.strings.as_string(labels, 2), "String"),
    ],
)
def test_what_no_accelerator_can_do_is_found(function, obstacle):
    assert re.search(obstacle, " ".join(obstacles(function, tf.range(BATCH))))


def trained(loss, compiled):
    """Weights, optimizer variables and logs after two epochs, with a step that is traced once or runs in Python."""
    model = classifier(loss)
    data = [(x, with_ids(loss, y, first=i * BATCH)) for i, (x, y, _) in enumerate(batches(3))]
    x, y = data[0]
    model.compute_metrics(x, y, model(x))
    model.reset_metrics()
    model.build_optimizer()  # like `fit`, before the step is traced
    function = tf.function(model.train_step, jit_compile=True, autograph=False)
    for _ in range(2):
        for batch in data:
            logs = (function if compiled else model.train_step)(batch)
            assert np.isfinite(logs["loss"])
        if model.loss_state is not None:
            model.loss_state.end_epoch()
    assert function.experimental_get_tracing_count() == (1 if compiled else 0)
    return [*model.get_weights(), *(variable.numpy() for variable in model.optimizer.variables), *logs.values()]


@pytest.mark.parametrize("name", names_of_every_setting(TRAINED_DAILY, BUILDS))
@pytest.mark.daily("logistic_normal_annealed")
def test_compiled_training_is_that_in_python_and_traced_once(name):
    """Equal results show that state, schedules and generators are in variables, and nothing is kept in Python."""
    for compiled, eager in zip(*(trained(BUILDS[name](), compiled) for compiled in (True, False)), strict=True):
        np.testing.assert_allclose(compiled, eager, rtol=2e-4, atol=2e-5)


def test_what_is_kept_in_python_would_be_found():
    class Counting(losses.LabelSmoothing):
        steps = 0

        def soft_label_loss(self, targets, y_pred):
            self.steps += 1
            return self.steps * super().soft_label_loss(targets, y_pred)

    compiled, eager = (trained(Counting(K), compiled)[0] for compiled in (True, False))
    assert np.abs(compiled - eager).max() > 0.001


def test_statistics_are_added_on_a_tpu_without_what_its_variables_refuse(monkeypatch):
    """Uses TensorFlow's variable for the replicas of a TPU, in the graph of such a replica."""
    shared = tf.VariableAggregation.ONLY_FIRST_REPLICA
    strategy = object.__new__(tf.distribute.TPUStrategy)
    with tf.Graph().as_default():
        policy = tpu_values.TPUOnWritePolicy(shared)
        variable = tpu_values.TPUMirroredVariable(strategy, [tf.Variable(tf.ones([3, 2]))], shared, policy)
        replica = tpu_replication.TPUReplicateContext("replica", 1, tf.no_op())
        replica.Enter()
        with pytest.raises(NotImplementedError):
            variable.scatter_add(tf.IndexedSlices(tf.ones([1, 2]), [0]))
        replica.Exit()

    monkeypatch.setattr(tf.distribute, "get_strategy", lambda: strategy)
    kept = keras.Variable(np.ones([3, 2], "float32"))
    monkeypatch.setattr(type(kept.value), "scatter_add", None)
    _state.add_rows(kept, tf.constant([0, 2, 2]), tf.constant([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]))
    np.testing.assert_array_equal(kept, [[2, 3], [1, 1], [9, 11]])
