"""The classifier's contract, over every loss where a loss can make a difference."""

import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.losses_under_test import LOSSES_UNDER_TEST
from tfp_noise import NoisyLabelClassifier, losses

FEATURES = np.random.default_rng(0).normal(size=(48, 6)).astype("float32")
LABELS = np.random.default_rng(1).integers(0, 3, 48)


# One of each way of reading outputs and labels; the losses' own tests go over all settings.
NAMES = ["smoothing", "forward", "logistic_normal", "logistic_normal_no_dummy_rank2"]


@pytest.fixture(params=NAMES)
def case(request):
    return LOSSES_UNDER_TEST[request.param]


def network(num_outputs, **layer):
    return keras.Sequential(
        [
            keras.Input([6]),
            keras.layers.Dense(8, activation="relu", **layer),
            keras.layers.BatchNormalization(),
            keras.layers.Dropout(0.3, seed=1),
            keras.layers.Dense(num_outputs),
        ]
    )


def classifier(loss, **kwargs):
    keras.utils.set_random_seed(0)
    model = NoisyLabelClassifier(network(loss.num_outputs), loss, **kwargs)
    model.compile(keras.optimizers.Adam(0.01), metrics=["accuracy"], jit_compile=False)
    return model


def fit(model, epochs, **kwargs):
    return model.fit(FEATURES, LABELS, batch_size=16, epochs=epochs, shuffle=False, verbose=0, **kwargs).history


def test_fit_predict_and_metrics_speak_of_probabilities(case):
    model = classifier(case.build(3))
    history = fit(model, 5, validation_data=(FEATURES, LABELS))
    assert history["loss"][-1] < history["loss"][0]
    probabilities = model.predict(FEATURES, verbose=0)
    assert probabilities.shape == (48, 3)
    np.testing.assert_allclose(probabilities.sum(1), 1, rtol=1e-5)
    assert model(FEATURES).shape == (48, model.loss.num_outputs)
    scores = model.evaluate(FEATURES, LABELS, verbose=0, return_dict=True)
    assert scores["accuracy"] == pytest.approx(np.mean(probabilities.argmax(1) == LABELS))
    assert scores["loss"] == pytest.approx(float(model.loss(LABELS, model(FEATURES))), rel=1e-4)
    assert history["val_loss"][-1] == pytest.approx(scores["loss"], rel=1e-5)


def test_soft_labels_train_as_their_indices_do(case):
    hard, soft = classifier(case.build(3)), classifier(case.build(3))
    a = fit(hard, 2)
    b = soft.fit(FEATURES, np.eye(3)[LABELS], batch_size=16, epochs=2, shuffle=False, verbose=0).history
    np.testing.assert_allclose(a["loss"], b["loss"], rtol=1e-4)
    assert b["accuracy"] == pytest.approx(a["accuracy"], abs=0.03)


def test_training_goes_on_bit_for_bit_after_save_and_load(case, tmp_path):
    """Dropout, Adam's slots and batch statistics included."""
    whole, half = classifier(case.build(3)), classifier(case.build(3))
    expected = fit(whole, 4)["loss"]
    first = fit(half, 2)["loss"]
    half.save(tmp_path / "half.keras")
    keras.utils.set_random_seed(99)
    restored = keras.models.load_model(tmp_path / "half.keras")
    np.testing.assert_array_equal(restored.predict(FEATURES, verbose=0), half.predict(FEATURES, verbose=0))
    assert first + fit(restored, 2)["loss"] == expected
    for a, b in zip(restored.get_weights(), whole.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert restored.loss.get_config() == whole.loss.get_config()


def test_random_generators_are_what_makes_resuming_exact(tmp_path):
    """Without the generators' state the restored model draws the first epochs' dropout again: the test can fail."""
    model = classifier(losses.LabelSmoothing(3))
    fit(model, 1)
    states = [variable.numpy() for variable in model._random_states()]
    assert len(states) == 1
    model.save(tmp_path / "m.keras")
    fresh = classifier(losses.LabelSmoothing(3))
    assert (fresh._random_states()[0].numpy() != states[0]).any()
    np.testing.assert_array_equal(keras.models.load_model(tmp_path / "m.keras")._random_states()[0], states[0])


def test_weights_alone_come_back(tmp_path):
    model = classifier(losses.LogisticNormal(3))
    fit(model, 1)
    model.save_weights(tmp_path / "m.weights.h5")
    other = classifier(losses.LogisticNormal(3))
    other.load_weights(tmp_path / "m.weights.h5")
    np.testing.assert_array_equal(other.predict(FEATURES, verbose=0), model.predict(FEATURES, verbose=0))


def test_deployable_is_a_plain_model_with_the_same_predictions(case):
    model = classifier(case.build(3))
    fit(model, 1)
    plain = model.deployable()
    np.testing.assert_allclose(plain.predict(FEATURES, verbose=0), model.predict(FEATURES, verbose=0), atol=1e-6)
    dense = [layer for layer in plain.layers if isinstance(layer, keras.layers.Dense)]
    assert dense[-1].units == model.loss.num_prediction_outputs


@pytest.mark.parametrize("dummy_class", [True, False])
def test_deployable_loads_where_this_package_is_not(dummy_class, tmp_path):
    model = classifier(losses.LogisticNormal(3, dummy_class=dummy_class))
    model.deployable().save(tmp_path / "plain.keras")
    np.save(tmp_path / "x.npy", FEATURES)
    np.save(tmp_path / "p.npy", model.predict(FEATURES, verbose=0))
    code = (
        "import sys, numpy as np, keras; m = keras.models.load_model('plain.keras');"
        "p = m.predict(np.load('x.npy'), verbose=0);"
        "np.testing.assert_allclose(p, np.load('p.npy'), atol=1e-6);"
        "assert not any(name.startswith('tfp_noise') for name in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=tmp_path, capture_output=True)


def test_deployable_of_other_networks():
    """A Functional network with another last layer, and a subclassed one, keep their width and their predictions."""

    class Subclassed(keras.Model):
        def __init__(self):
            super().__init__()
            self.dense = keras.layers.Dense(6)

        def call(self, x):
            return self.dense(x)

    inputs = keras.Input([6])
    functional = keras.Model(inputs, keras.layers.Rescaling(2.0)(keras.layers.Dense(6)(inputs)))
    for net in (functional, Subclassed()):
        model = NoisyLabelClassifier(net, losses.LogisticNormal(3))
        model.compile("adam")
        fit(model, 1)
        np.testing.assert_allclose(
            model.deployable().predict(FEATURES, verbose=0), model.predict(FEATURES, verbose=0), atol=1e-6
        )


@pytest.mark.parametrize(
    "end",
    [lambda x: keras.ops.flip(keras.layers.Dense(6)(x), -1), lambda x: (d := keras.layers.Dense(6))(x) + 0 * d(x)],
    ids=["an operation after it", "called twice"],
)
def test_deployable_keeps_a_dense_that_does_not_make_the_output_alone(end):
    inputs = keras.Input([6])
    model = NoisyLabelClassifier(keras.Model(inputs, end(inputs)), losses.LogisticNormal(3))
    plain = model.deployable()
    np.testing.assert_allclose(plain.predict(FEATURES, verbose=0), model.predict(FEATURES, verbose=0), atol=1e-6)


def test_deployable_of_a_subclassed_network_with_two_inputs():
    class TwoInputs(keras.Model):
        def __init__(self):
            super().__init__()
            self.dense = keras.layers.Dense(6)

        def call(self, inputs):
            return self.dense(inputs["a"]) + inputs["b"]

    model = NoisyLabelClassifier(TwoInputs(), losses.LogisticNormal(3))
    model.compile("adam")
    features = {"a": FEATURES, "b": FEATURES}
    model.fit(features, LABELS, verbose=0)
    plain = model.deployable()
    np.testing.assert_allclose(plain.predict(features, verbose=0), model.predict(features, verbose=0), atol=1e-6)


def test_export_serves_probabilities(tmp_path):
    model = classifier(losses.LogisticNormal(3))
    fit(model, 1)
    model.export(tmp_path / "served", verbose=False)
    served = tf.saved_model.load(str(tmp_path / "served"))
    np.testing.assert_allclose(served.serve(FEATURES), model.predict(FEATURES, verbose=0), atol=1e-6)


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_mixed_precision_keeps_the_loss_in_float32(policy):
    loss = losses.LogisticNormal(3)
    net = keras.Sequential([keras.Input([6]), keras.layers.Dense(loss.num_outputs, dtype=policy)])
    net.dtype_policy = keras.dtype_policies.get(policy)
    model = NoisyLabelClassifier(net, loss)
    assert model.dtype_policy.name == policy
    model.compile("adam", metrics=["accuracy"])
    assert isinstance(model.optimizer, keras.optimizers.LossScaleOptimizer) == (policy == "mixed_float16")
    assert np.isfinite(fit(model, 3)["loss"]).all()
    assert model(FEATURES).dtype == policy.removeprefix("mixed_")
    assert model.predict(FEATURES, verbose=0).dtype == "float32"


def test_two_replicas_train_as_one_device_does(two_replicas):
    def batches():
        data = tf.data.Dataset.from_tensor_slices((FEATURES, LABELS)).batch(16, drop_remainder=True)
        return data.with_options(_no_autoshard())

    def plain(loss):
        keras.utils.set_random_seed(0)
        net = keras.Sequential([keras.Input([6]), keras.layers.Dense(8, "relu"), keras.layers.Dense(loss.num_outputs)])
        model = NoisyLabelClassifier(net, loss)
        model.compile(keras.optimizers.SGD(0.05), metrics=["accuracy"], jit_compile=False)
        return model

    for case in (LOSSES_UNDER_TEST["forward"], LOSSES_UNDER_TEST["logistic_normal"]):
        one = plain(case.build(3))
        alone = one.fit(batches(), epochs=3, shuffle=False, verbose=0).history
        with two_replicas.scope():
            both = plain(case.build(3))
        together = both.fit(batches(), epochs=3, shuffle=False, verbose=0).history
        np.testing.assert_allclose(alone["loss"], together["loss"], rtol=1e-5)
        np.testing.assert_allclose(alone["accuracy"], together["accuracy"])


def _no_autoshard():
    options = tf.data.Options()
    options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.OFF
    return options


def test_regularisation_is_added_to_the_loss():
    loss = losses.LabelSmoothing(3)
    keras.utils.set_random_seed(0)
    model = NoisyLabelClassifier(network(loss.num_outputs, kernel_regularizer=keras.regularizers.L2(0.1)), loss)
    model.compile("sgd")
    penalty = 0.1 * np.sum(np.square(model.network.layers[0].kernel))
    expected = float(loss(LABELS, model(FEATURES))) + penalty
    assert model.evaluate(FEATURES, LABELS, batch_size=48, verbose=0) == pytest.approx(expected, rel=1e-5)
    assert penalty > 0.1


def test_weights_and_regularisation_act_in_training():
    loss = losses.LabelSmoothing(3)
    net = keras.Sequential([keras.Input([6]), keras.layers.Dense(3, kernel_regularizer=keras.regularizers.L2(0.1))])
    model = NoisyLabelClassifier(net, loss)
    model.compile(keras.optimizers.SGD(0.5), jit_compile=False)
    before = net.layers[0].kernel.numpy()
    model.fit(FEATURES, LABELS, sample_weight=np.zeros(48, "float32"), batch_size=48, verbose=0)
    np.testing.assert_allclose(net.layers[0].kernel, before * (1 - 2 * 0.5 * 0.1), rtol=1e-5)


def test_sample_weights_count():
    model = classifier(losses.LabelSmoothing(3))
    weights = (LABELS == 0).astype("float32")
    loss = model.evaluate(FEATURES, LABELS, sample_weight=weights, batch_size=48, verbose=0, return_dict=True)["loss"]
    each = losses.LabelSmoothing(3, reduction=None)(LABELS, model(FEATURES))
    assert loss == pytest.approx(float(np.sum(each * weights) / 48), rel=1e-5)


@pytest.mark.parametrize("where", ["fit", "validation", "evaluate"])
@pytest.mark.parametrize(
    ("features", "labels", "message"),
    [
        (FEATURES, LABELS + 1, r"`y` must lie in \[0, 3\)"),
        (np.full_like(FEATURES, np.nan), LABELS, "`x` must be finite"),
    ],
    ids=["label", "feature"],
)
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


def test_weights_stored_without_random_generators_load():
    """As in Keras, where they are no part of the weights."""
    model = classifier(losses.LabelSmoothing(3))
    before = model._random_states()[0].numpy()
    model.load_own_variables({})
    np.testing.assert_array_equal(model._random_states()[0], before)


def test_network_without_a_shape_is_checked_when_it_is_built():
    model = NoisyLabelClassifier(keras.Sequential([keras.layers.Dense(4)]), losses.LogisticNormal(3))
    model.compile("adam")
    with pytest.raises(ValueError, match=r"must have 6 outputs.*Received a network with 4"):
        fit(model, 1)


@pytest.mark.parametrize(
    ("act", "error", "message"),
    [
        (
            lambda: NoisyLabelClassifier(network(3), losses.LogisticNormal(3)),
            ValueError,
            r"`network` must have 6 outputs, which LogisticNormal reads for 3 classes. Received a network with 3",
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
            lambda: NoisyLabelClassifier(
                keras.Sequential([keras.Input([2, 6]), keras.layers.Dense(3)]), losses.LabelSmoothing(3)
            ),
            ValueError,
            r"`network` must have one output of shape \[batch, 3\]. Received: \(None, 2, 3\)",
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


def test_softmax_as_an_operation_is_refused():
    inputs = keras.Input([6])
    network = keras.Model(inputs, keras.ops.softmax(keras.layers.Dense(3)(inputs)))
    with pytest.raises(ValueError, match="`network` must end in raw outputs"):
        NoisyLabelClassifier(network, losses.LabelSmoothing(3))


@pytest.mark.parametrize("then", ["indices", "column", "distributions"])
@pytest.mark.parametrize("first", ["indices", "distributions"])
def test_accuracy_is_one_number_whichever_form_labels_have(first, then):
    """Keras chooses the metric by the first batch; the other form must not be given to it as it is."""
    model = classifier(losses.LabelSmoothing(3))
    soft = np.random.default_rng(2).dirichlet(np.ones(3), 48).astype("float32")
    labels = {"indices": soft.argmax(1), "column": soft.argmax(1)[:, None], "distributions": soft}
    model.fit(FEATURES, labels[first], batch_size=16, verbose=0)
    expected = np.mean(model.predict(FEATURES, verbose=0).argmax(1) == soft.argmax(1))
    assert 0 < expected < 1
    found = model.evaluate(FEATURES, labels[then], verbose=0, return_dict=True)["accuracy"]
    assert found == pytest.approx(expected)
