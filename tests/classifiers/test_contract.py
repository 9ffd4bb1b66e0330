"""The contract of every classifier that trains otherwise than `NoisyLabelClassifier`."""

import dataclasses
import inspect

import keras
import numpy as np
import pytest
import tensorflow as tf

import tfp_noise
from tests.helpers import round_trips
from tests.helpers.classifiers_under_test import (
    BATCH,
    CLASSIFIERS_UNDER_TEST,
    FEATURES,
    LABELS,
    K,
    Subclassed,
    without_draws,
)
from tfp_noise import NoisyLabelClassifier, losses
from tfp_noise.callbacks import BackupAndRestore

SOFT = np.eye(K, dtype="float32")[LABELS] * 0.7 + np.array([0.05, 0.1, 0.15], "float32")
WEIGHTS = np.where(np.arange(len(LABELS)) % 5, np.linspace(0.5, 1.5, len(LABELS)), 0)
# A trace costs more than a few steps.
EAGER, GRAPH, XLA = {"run_eagerly": True}, {"jit_compile": False}, {"jit_compile": True}
# Two networks, gradients of gradients, and a state that changes between epochs.
a_few_daily = pytest.mark.daily("CoTeaching", "LearningToReweight", "PrototypeCorrection")
two_daily = pytest.mark.daily("DynamicBootstrap", "MetaWeightNet")  # a mixture and a network beside the weights


@pytest.fixture(scope="module", params=CLASSIFIERS_UNDER_TEST.values(), ids=CLASSIFIERS_UNDER_TEST.keys())
def case(request):
    return request.param


def drawing(case):
    """A compiled model with dropout, batch statistics and the method's own random numbers."""
    keras.utils.set_random_seed(0)
    model = case.build()
    model.compile(keras.optimizers.SGD(0.1, momentum=0.9), metrics=["accuracy"], **EAGER)
    return model


def normalised(num_outputs):
    layers = [keras.layers.Dense(8, activation="tanh"), keras.layers.BatchNormalization()]
    return keras.Sequential([keras.Input([6]), *layers, keras.layers.Dense(num_outputs)])


def drawless(case, mode=EAGER, network=normalised):
    """A compiled model without random numbers, so that other ways to compute its steps give the same numbers."""
    keras.utils.set_random_seed(0)
    model = case.build(network, **case.without_draws)
    model.compile(keras.optimizers.SGD(0.1, momentum=0.9), **mode)
    return model


def fit(model, x=FEATURES, y=LABELS, epochs=2, **kwargs):
    return model.fit(x, y, batch_size=BATCH, epochs=epochs, shuffle=False, verbose=0, **kwargs).history


def assert_close(model, other, rtol=1e-4, atol=1e-6):
    for found, expected in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_allclose(found, expected, rtol=rtol, atol=atol)


def values(model):
    """All variables, random states and slots of optimizers included, a method's own among them."""
    optimizers = [one for one in vars(model).values() if isinstance(one, keras.optimizers.Optimizer)]
    return [np.array(variable) for one in (model, *optimizers) for variable in one.variables]


def assert_same(model, expected):
    for found, value in zip(values(model), expected, strict=True):
        np.testing.assert_array_equal(found, value)


@pytest.fixture(scope="module")
def alone(case):
    """A model without random numbers after two epochs on one device, and its history."""
    model = drawless(case)
    return model, fit(model)


@pytest.fixture(scope="module")
def softly(case):
    """The same for soft labels and weights of examples, without batch statistics, in which weights have no part."""
    model = drawless(case, network=without_draws)
    return model, fit(model, y=SOFT, sample_weight=WEIGHTS)


@pytest.fixture(scope="module")
def whole(case):
    """A model with random numbers after two epochs, its history, and its values then."""
    model = drawing(case)
    return model, fit(model), values(model)


class EndedError(Exception):
    pass


class EndAfterFirstEpoch(keras.callbacks.Callback):
    def on_epoch_begin(self, epoch, logs=None):
        if epoch == 1:
            raise EndedError


@pytest.fixture(scope="module")
def ended(case, tmp_path_factory):
    """The folder of a training of two epochs that ended after the first: a backup, and a file of `save`."""
    folder, model = tmp_path_factory.mktemp("ended"), drawing(case)
    with pytest.raises(EndedError):
        fit(model, callbacks=[BackupAndRestore(folder / "backup"), EndAfterFirstEpoch()])
    model.save(folder / "model.keras")
    return folder, model


def own_settings(model):
    """A configuration less those of other objects."""
    return {key: value for key, value in model.get_config().items() if not isinstance(value, dict)}


def test_every_classifier_is_under_test():
    public = {name: getattr(tfp_noise, name) for name in tfp_noise.__all__}
    ours = {
        name: cls
        for name, cls in public.items()
        if inspect.isclass(cls) and issubclass(cls, NoisyLabelClassifier) and cls is not NoisyLabelClassifier
    }
    tried = {name: case.cls for name, case in CLASSIFIERS_UNDER_TEST.items()}
    assert ours == tried, "give each classifier a `Case` in tests/helpers/classifiers_under_test.py"


def test_arguments_are_in_the_configuration_and_not_at_their_defaults(case):
    config = case.build().get_config()
    arguments = round_trips.arguments(case.cls)
    assert not arguments.keys() - config.keys() - {"args", "kwargs"}
    optional = {key: value for key, value in arguments.items() if value is not inspect.Parameter.empty}
    assert {key for key, value in optional.items() if config[key] == value} <= {"name"}


@two_daily
def test_training_goes_on_bit_for_bit_after_save_and_load(case, ended, whole):
    folder, saved = ended
    loaded = keras.models.load_model(folder / "model.keras")
    assert type(loaded) is case.cls
    assert own_settings(loaded) == own_settings(saved)
    np.testing.assert_array_equal(loaded.predict(FEATURES, verbose=0), saved.predict(FEATURES, verbose=0))
    keras.utils.set_random_seed(99)
    _, history, expected = whole
    assert fit(loaded, epochs=1)["loss"] == history["loss"][1:]
    assert_same(loaded, expected)


@two_daily
def test_training_resumes_bit_for_bit(case, ended, whole):
    folder, _ = ended
    _, history, expected = whole
    resumed = drawing(case)
    assert fit(resumed, callbacks=[BackupAndRestore(folder / "backup")]) == history
    assert_same(resumed, expected)


def test_deployable_is_a_plain_network_with_the_same_predictions(whole):
    model, *_ = whole
    plain = model.deployable()
    foreign = [one for one in plain._flatten_layers() if type(one).__module__.startswith("tfp_noise")]
    assert not foreign
    assert plain.count_params() == model.network.count_params()
    expected = model.loss.probabilities(model.network(FEATURES, training=False))
    for predicted in (model.predict(FEATURES, verbose=0), np.asarray(plain(FEATURES))):
        np.testing.assert_allclose(predicted, expected, rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(predicted.sum(axis=1), 1, rtol=1e-5)


def test_metrics_read_the_predictions(whole):
    model, history, _ = whole
    assert {"loss", "accuracy"} <= history.keys()
    scores = model.evaluate(FEATURES, LABELS, verbose=0, return_dict=True)
    right = model.predict(FEATURES, verbose=0).argmax(axis=1) == LABELS
    assert scores["accuracy"] == pytest.approx(right.mean())
    assert np.isfinite(scores["loss"])


@pytest.mark.parametrize("form", ["sparse_categorical_crossentropy", "categorical_crossentropy"])
def test_metrics_read_the_form_of_the_given_labels(case, form):
    model = case.build(without_draws)
    model.compile("sgd", metrics=["accuracy", form], run_eagerly=True)
    labels = LABELS if form.startswith("sparse") else SOFT
    scores = [act(FEATURES, labels, return_dict=True) for act in (model.train_on_batch, model.test_on_batch)]
    assert all(np.isfinite(list(each.values())).all() and form in each for each in scores)


@a_few_daily
def test_one_hot_labels_and_weights_of_one_change_nothing(case, alone):
    model = drawless(case)
    found = fit(model, y=np.eye(K, dtype="float32")[LABELS], sample_weight=np.ones(len(LABELS)))["loss"]
    np.testing.assert_allclose(found, alone[1]["loss"], rtol=1e-5)
    assert_close(model, alone[0])


@a_few_daily
def test_soft_labels_train(softly):
    model, history = softly
    assert np.isfinite(history["loss"]).all()
    assert len(set(history["loss"])) == 2
    np.testing.assert_allclose(model.predict(FEATURES, verbose=0).sum(axis=1), 1, rtol=1e-5)


def test_a_loss_that_remembers_each_example_trains_or_is_refused(case):
    remembering = dataclasses.replace(case, loss=lambda num_classes: losses.EarlyLearning(num_classes, len(LABELS)))
    if case.takes_memory:
        assert np.isfinite(fit(drawless(remembering))["loss"]).all()
        return
    with pytest.raises(ValueError, match=r"`loss` must (remember nothing of each example|keep nothing between steps)"):
        drawless(remembering)


@a_few_daily
def test_a_subclassed_network_trains_and_is_deployed_or_is_refused(case):
    if not case.takes_subclassed:
        with pytest.raises(ValueError, match="`network` must be a Functional or Sequential model"):
            drawless(case, network=Subclassed)
        return
    model = drawless(case, network=Subclassed)
    assert np.isfinite(fit(model)["loss"]).all()
    expected = model.loss.probabilities(model.network(FEATURES))
    np.testing.assert_allclose(model.deployable()(FEATURES), expected, rtol=1e-5, atol=1e-6)


LAST_LAYERS = {
    "a nested model": lambda n: [keras.Sequential([keras.Input([6]), keras.layers.Dense(n)])],
    "an activation": lambda n: [keras.layers.Dense(n), keras.layers.Activation("linear", dtype="float32")],
}


@pytest.mark.parametrize("last", LAST_LAYERS)
def test_a_network_may_end_in_any_layer_or_is_told_in_which(case, last):
    def network(num_outputs):
        return keras.Sequential([keras.Input([6]), *LAST_LAYERS[last](num_outputs)])

    if not case.takes_subclassed:
        with pytest.raises(ValueError, match=r"Received: a network that ends in <(Sequential|Activation).* End it in"):
            drawless(case, network=network)
        return
    model = drawless(case, network=network)
    expected = model.loss.probabilities(model.network(FEATURES))
    np.testing.assert_allclose(model.deployable()(FEATURES), expected, rtol=1e-5, atol=1e-6)


def test_labels_of_any_shape_are_refused_before_training(case):
    signature = tf.TensorSpec([None, 6], "float32"), tf.TensorSpec(None, "int64")
    batches = tf.data.Dataset.from_generator(lambda: [(FEATURES, LABELS)], output_signature=signature)
    with pytest.raises(
        ValueError, match=r"`y` must have a known number of axes.*`tf.ensure_shape\(labels, \[None\]\)`"
    ):
        drawless(case).fit(batches, verbose=0)


@a_few_daily
def test_a_batch_may_have_ids_that_the_loss_does_not_need(case):
    alone, beside = drawless(case), drawless(case)
    labels, weights = LABELS[:BATCH], WEIGHTS[:BATCH].astype("float32")
    numbered = {"labels": labels, "ids": np.arange(BATCH)}
    assert beside.train_on_batch(FEATURES[:BATCH], numbered) == alone.train_on_batch(FEATURES[:BATCH], labels)
    both = {"labels": weights, "ids": weights}  # as Keras repeats weights for each of the labels
    found = beside.train_on_batch(FEATURES[:BATCH], numbered, both)
    assert found == alone.train_on_batch(FEATURES[:BATCH], labels, weights)


@pytest.mark.daily("LearningToReweight", "PrototypeCorrection", "DistilledClassifier")
def test_an_example_of_weight_0_changes_nothing(case, softly):
    if case.counts_weight_0:
        pytest.skip(case.counts_weight_0)
    model, out = drawless(case, network=without_draws), WEIGHTS[:, np.newaxis] == 0
    fit(model, np.where(out, -FEATURES, FEATURES), np.where(out, SOFT[:, ::-1], SOFT), sample_weight=WEIGHTS)
    assert_close(model, softly[0])


@pytest.mark.filterwarnings("ignore:`warm_up` should be less")
@a_few_daily
def test_switched_off_it_trains_as_a_plain_classifier(case):
    """Dropout and batch statistics included, and what the loss learns."""
    if isinstance(case.switched_off, str):
        pytest.skip(case.switched_off)
    keras.utils.set_random_seed(0)
    model = case.switched_off(case.build)
    starts = [getattr(model, name) for name in case.networks]
    plains = [NoisyLabelClassifier(keras.models.clone_model(one), case.loss(K)) for one in starts]
    for plain, start in zip(plains, starts, strict=True):
        plain.network.set_weights(start.get_weights())
    for one in (model, *plains):
        one.compile(keras.optimizers.SGD(0.1), **EAGER)
        fit(one)
    for name, plain in zip(case.networks, plains, strict=True):
        assert_close(getattr(model, name), plain.network, case.tolerance, case.tolerance / 100)
    if model.loss_state is not None:
        assert_close(model.loss_state, plains[0].loss_state)


def test_a_loss_of_several_labels_is_refused_and_belongs_to_no_classifier(case):
    loss = losses.MultiLabel(losses.CrossEntropy(2), K)
    with pytest.raises(ValueError, match=r"`loss` must .* Received: a MultiLabel"):
        dataclasses.replace(case, loss=lambda _: loss).build()
    assert not loss._belongs_to_a_classifier


@pytest.mark.daily("LearningToReweight")
def test_xla_trains_as_eager_execution_does(case, alone):
    model = drawless(case, XLA)
    np.testing.assert_allclose(fit(model)["loss"], alone[1]["loss"], rtol=1e-4)
    assert_close(model, alone[0], rtol=1e-3, atol=1e-4)


@pytest.mark.daily("PrototypeCorrection")
def test_two_replicas_learn_as_one(case, softly, two_replicas):
    with two_replicas.scope():
        model = drawless(case, GRAPH, without_draws)
    np.testing.assert_allclose(fit(model, y=SOFT, sample_weight=WEIGHTS)["loss"], softly[1]["loss"], rtol=1e-4)
    assert_close(model, softly[0], rtol=1e-3, atol=1e-4)
