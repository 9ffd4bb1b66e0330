"""Networks, labels and features that do not fit a classifier are refused, each with its cure."""

import functools

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.helpers.small_classifier import FEATURES, LABELS, classifier, fit, network
from tfp_noise import NoisyLabelClassifier, losses
from tfp_noise._training.input_checks import check_data
from tfp_noise._training.label_kinds import label_kind

LABEL = (FEATURES, LABELS + 1, r"`y` must lie in \[0, 3\)")
FEATURE = (np.full_like(FEATURES, np.nan), LABELS, "`x` must be finite")


@pytest.mark.parametrize(
    ("where", "features", "labels", "message"),
    [("fit", *LABEL), ("fit", *FEATURE), ("validation", *FEATURE), ("evaluate", *LABEL)],
    ids=["fit-label", "fit-feature", "validation-feature", "evaluate-label"],
)
@pytest.mark.daily("fit-label", "validation-feature")
def test_batches_of_a_dataset_are_checked_as_they_come(where, features, labels, message):
    model = classifier(losses.LogisticNormal(3))
    bad = tf.data.Dataset.from_tensor_slices((features, labels)).batch(16)
    good = tf.data.Dataset.from_tensor_slices((FEATURES, LABELS)).batch(16)
    act = {
        "fit": lambda: model.fit(bad, shuffle=False, verbose=0),
        "validation": lambda: model.fit(good, validation_data=bad, shuffle=False, verbose=0),
        "evaluate": lambda: model.evaluate(bad, verbose=0),
    }[where]
    with pytest.raises(
        tf.errors.InvalidArgumentError, match=message.replace("`", "`.*", 1) if where == "validation" else message
    ):
        act()


def test_a_dataset_keeps_its_checks_for_labels_of_one_kind():
    """The checks are traced once for several calls and models; a model of other labels has its own."""
    data = tf.data.Dataset.from_tensor_slices((FEATURES, LABELS)).batch(16)

    def checked(loss, allows_nan=False):
        return check_data(data, None, label_kind(loss), "", lambda: allows_nan, lambda *_: 2)[0]

    first = checked(losses.CrossEntropy(3))
    assert checked(losses.LogisticNormal(3)) is first
    assert checked(losses.CrossEntropy(3), allows_nan=True) is not first
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"`y` must lie in \[0, 2\)"):
        list(checked(losses.CrossEntropy(2)))
    assert len(list(checked(losses.CrossEntropy(3)))) == len(list(data))


def two_outputs():
    inputs = keras.Input([6])
    return keras.Model(inputs, [keras.layers.Dense(3)(inputs), keras.layers.Dense(3)(inputs)])


def test_network_without_a_shape_is_checked_when_it_is_built():
    model = NoisyLabelClassifier(keras.Sequential([keras.layers.Dense(4)]), losses.LogisticNormal(3))
    model.compile("adam", jit_compile=False)
    with pytest.raises(ValueError, match=r"must have 6 outputs.*Received: a network with 4"):
        fit(model, 1)


@pytest.mark.parametrize(
    ("act", "error", "message"),
    [
        (
            lambda: NoisyLabelClassifier(network(3), losses.LogisticNormal(3)),
            ValueError,
            r"`network` must have 6 outputs, which LogisticNormal reads for 3 classes. Received: a network with 3",
        ),
        (lambda: NoisyLabelClassifier(network(3), "categorical_crossentropy"), TypeError, "an instance of a loss of"),
        (
            lambda: NoisyLabelClassifier(network(3), losses.LabelSmoothing(3, reduction=None)),
            ValueError,
            "`loss.reduction` must give one number",
        ),
        (
            lambda: classifier(losses.LabelSmoothing(3)).compile("adam", loss="mse"),
            ValueError,
            "belong to the construc",
        ),
        (
            lambda: classifier(losses.LabelSmoothing(3)).fit(FEATURES, LABELS + 1),
            ValueError,
            r"`y` must lie in \[0, 3\). Received: 3 at position",
        ),
        (
            lambda: classifier(losses.LabelSmoothing(3)).evaluate(FEATURES, -LABELS[:, None]),
            ValueError,
            r"`y` must lie in \[0, 3\). Received: -",
        ),
        (
            lambda: classifier(losses.LabelSmoothing(3)).fit(np.full_like(FEATURES, np.nan), LABELS),
            ValueError,
            "`x` must be finite. Received NaN or infinity in example 0",
        ),
        (
            lambda: fit(classifier(losses.LabelSmoothing(3)), 1, validation_data=(FEATURES, LABELS + 1)),
            ValueError,
            r"`validation y` must lie in",
        ),
        (
            lambda: classifier(losses.LabelSmoothing(3)).fit(FEATURES, 2 * np.eye(3)[LABELS]),
            ValueError,
            "rows that sum to 1. Received: row 0",
        ),
        (
            lambda: classifier(losses.LabelSmoothing(3)).fit(FEATURES, np.eye(4)[LABELS]),
            ValueError,
            r"or distributions \[n, 3\]. Received shape \(48, 4\)",
        ),
        (
            lambda: classifier(losses.LabelSmoothing(3)).fit(FEATURES, LABELS.astype(float)),
            TypeError,
            r'Received dtype float64. Pass `labels.astype\("int32"\)`',
        ),
        (
            lambda: classifier(losses.LabelSmoothing(3)).fit(tf.constant(FEATURES), tf.constant(LABELS) + 1),
            ValueError,
            r"`y` must lie in \[0, 3\). Received: 3",
        ),
        (lambda: NoisyLabelClassifier(lambda x: x, losses.LabelSmoothing(3)), TypeError, "`network` must be a Keras"),
        (lambda: NoisyLabelClassifier(network(3), losses.LabelSmoothing), TypeError, "must be an instance of a loss"),
        (
            lambda: NoisyLabelClassifier(
                keras.Sequential([keras.Input([6]), keras.layers.Dense(3, "softmax")]), losses.LabelSmoothing(3)
            ),
            ValueError,
            "`network` must end in raw outputs.*with a softmax",
        ),
        (
            lambda: NoisyLabelClassifier(two_outputs(), losses.LabelSmoothing(3)),
            ValueError,
            r"`network` must have one output of shape \[batch, ..., 3\]. Received: \[\(None, 3\), \(None, 3\)\]",
        ),
        (lambda: classifier(losses.LabelSmoothing(3)).fit(FEATURES), ValueError, "`y` must hold the labels"),
        (
            lambda: NoisyLabelClassifier(
                keras.Sequential([keras.layers.Dense(3)]), losses.LabelSmoothing(3)
            ).deployable(),
            ValueError,
            "must be built before",
        ),
    ],
)
def test_bad_input(act, error, message):
    with pytest.raises(error, match=message):
        act()


class Gated(keras.Model):
    """A subclassed network with a softmax inside, declared last, and an attribute that Keras's own models have."""

    def __init__(self):
        super().__init__()
        self.head = keras.layers.Dense(3)
        self.gate = keras.Sequential([keras.layers.Dense(3, activation="softmax")])
        self.outputs = "logits"

    def call(self, inputs):
        return self.head(inputs) * self.gate(inputs)


def test_softmax_inside_a_network_is_no_softmax_at_its_end():
    model = NoisyLabelClassifier(Gated(), losses.LabelSmoothing(3))
    model.compile("sgd", jit_compile=False)
    fit(model, 1)


@pytest.mark.parametrize(
    "last",
    [
        keras.layers.Softmax(),
        keras.layers.Activation(keras.ops.softmax),
        keras.Sequential([keras.Input([3]), keras.layers.Dense(3, activation="softmax")]),
    ],
)
def test_softmax_at_the_end_is_refused_in_every_form(last):
    with pytest.raises(ValueError, match="`network` must end in raw outputs"):
        NoisyLabelClassifier(
            keras.Sequential([keras.Input([6]), keras.layers.Dense(3), last]), losses.LabelSmoothing(3)
        )


def test_width_of_a_convolutional_network_is_told_of_filters():
    network = keras.Sequential([keras.Input([8, 8, 1]), keras.layers.Conv2D(4, 1)])
    with pytest.raises(ValueError, match=r"must have 3 outputs.*units \(`Dense`\) or filters \(`Conv2D`\)\.$"):
        NoisyLabelClassifier(network, losses.CrossEntropy(3))


@pytest.mark.parametrize("arrays", [True, False])
@pytest.mark.daily("True")
def test_weights_that_do_not_fit_are_refused_by_their_shape_after_some_that_do(arrays):
    """A step that is traced already would be traced again, for weights of any rank."""
    model = classifier(losses.CrossEntropy(3))

    def trained(act, weights):
        if arrays:
            return act(FEATURES, LABELS, sample_weight=weights, verbose=0)
        return act(tf.data.Dataset.from_tensor_slices((FEATURES, LABELS, weights)).batch(16), verbose=0)

    def validated(*data, **arguments):
        held_out = (*data, *(arguments[name] for name in arguments if name == "sample_weight"))
        model.fit(FEATURES, LABELS, validation_data=held_out if arrays else data[0], verbose=0)

    trained(functools.partial(model.fit, shuffle=False), np.ones(48))
    before = model.get_weights()
    for act in (model.fit, model.evaluate, validated):
        with pytest.raises(ValueError, match=r"`sample_weight` must be numbers .* Received shape \(.*, 2\) for"):
            trained(act, np.ones([48, 2]))
    for one, other in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_softmax_as_an_operation_is_refused():
    inputs = keras.Input([6])
    network = keras.Model(inputs, keras.ops.softmax(keras.layers.Dense(3)(inputs)))
    with pytest.raises(ValueError, match="`network` must end in raw outputs"):
        NoisyLabelClassifier(network, losses.LabelSmoothing(3))


@pytest.mark.parametrize("name", ["train_step", "test_step", "predict_step", "compute_loss", "compute_metrics"])
@pytest.mark.daily("train_step", "compute_loss")
def test_a_step_of_the_network_itself_is_warned_of_because_it_is_never_run(name):
    def never(*args, **kwargs):
        raise AssertionError

    own = type("OwnSteps", (keras.Sequential,), {name: never})
    with pytest.warns(
        UserWarning, match=f"`network` should have no steps.*an OwnSteps with `{name}`, never.*data_loss"
    ):
        model = NoisyLabelClassifier(own([keras.Input([6]), keras.layers.Dense(3)]), losses.CrossEntropy(3))
    model.compile("sgd", metrics=["accuracy"], jit_compile=False)
    fit(model)
    model.evaluate(FEATURES, LABELS, verbose=0)
    model.predict(FEATURES, verbose=0)


def test_a_subclassed_network_without_steps_of_its_own_is_not_warned_of():
    class Subclassed(keras.Model):
        def call(self, inputs):
            return inputs

    NoisyLabelClassifier(Subclassed(), losses.CrossEntropy(3))
