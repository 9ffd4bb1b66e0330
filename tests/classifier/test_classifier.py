"""The classifier's contract, over every loss where a loss can make a difference."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.helpers.losses_under_test import LOSSES_UNDER_TEST, names_of_every_setting
from tests.helpers.small_classifier import FEATURES, LABELS, NAMES, classifier, fit, network
from tfp_noise import NoisyLabelClassifier, losses


@pytest.mark.parametrize("name", names_of_every_setting({"forward", "logistic_normal_no_dummy_rank2"}, NAMES))
@pytest.mark.daily("logistic_normal_no_dummy_rank2")
def test_fit_predict_and_metrics_speak_of_probabilities(name):
    model = classifier(LOSSES_UNDER_TEST[name].build(3))
    history = fit(model, 5, validation_data=(FEATURES, LABELS))
    assert history["loss"][-1] < history["loss"][0]
    probabilities = model.predict(FEATURES, verbose=0)
    assert probabilities.shape == (48, 3)
    np.testing.assert_allclose(probabilities.sum(1), 1, rtol=1e-5)
    assert model(FEATURES).shape == (48, model.loss.num_outputs)
    scores = model.evaluate(FEATURES, LABELS, batch_size=16, verbose=0, return_dict=True)
    assert scores["accuracy"] == pytest.approx(np.mean(probabilities.argmax(1) == LABELS))
    assert scores["loss"] == pytest.approx(float(model.loss(LABELS, model(FEATURES))), rel=1e-4)
    assert history["val_loss"][-1] == pytest.approx(scores["loss"], rel=1e-5)


@pytest.mark.filterwarnings("ignore:Your input ran out of data")  # Keras warns at the end of all such data
@pytest.mark.thorough
def test_data_of_unknown_size_train_as_the_same_of_known_size():
    """Keras alone counts one extra update per epoch, and an extra batch in the loss and the metrics."""
    known = tf.data.Dataset.from_tensor_slices((FEATURES, LABELS)).batch(16, drop_remainder=True)
    unknown = known.filter(lambda x, y: True)
    histories, weights = [], []
    for data in (known, unknown):
        model = classifier(losses.OnlineLabelSmoothing(3, update_period=2))
        histories.append(model.fit(data, epochs=2, shuffle=False, verbose=0, validation_data=data).history)
        assert model.optimizer.iterations == 6
        weights.append(model.get_weights())
    assert histories[0] == histories[1]
    for ours, theirs in zip(*weights, strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("name", ["forward", "logistic_normal"])
@pytest.mark.daily("forward")
def test_soft_labels_train_as_their_indices_do(name):
    case = LOSSES_UNDER_TEST[name]
    hard, soft = classifier(case.build(3)), classifier(case.build(3))
    a = fit(hard, np.int64(2))
    b = soft.fit(FEATURES, np.eye(3)[LABELS], batch_size=16, epochs=2, shuffle=False, verbose=0).history
    np.testing.assert_allclose(a["loss"], b["loss"], rtol=1e-4)
    assert b["accuracy"] == pytest.approx(a["accuracy"], abs=0.03)


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
@pytest.mark.daily("mixed_float16")
def test_mixed_precision_keeps_the_loss_in_float32(policy):
    loss = losses.LogisticNormal(3)
    net = keras.Sequential([keras.Input([6]), keras.layers.Dense(loss.num_outputs, dtype=policy)])
    net.dtype_policy = keras.dtype_policies.get(policy)
    model = NoisyLabelClassifier(net, loss)
    assert model.dtype_policy.name == policy
    model.compile("adam", metrics=["accuracy"], jit_compile=False)
    assert isinstance(model.optimizer, keras.optimizers.LossScaleOptimizer) == (policy == "mixed_float16")
    assert np.isfinite(fit(model, 3)["loss"]).all()
    assert model(FEATURES).dtype == policy.removeprefix("mixed_")
    assert model.predict(FEATURES, verbose=0).dtype == "float32"


@pytest.mark.parametrize("name", ["forward", "logistic_normal"])
@pytest.mark.thorough
def test_two_replicas_train_as_one_device_does(name, two_replicas):
    def batches():
        data = tf.data.Dataset.from_tensor_slices((FEATURES, LABELS)).batch(16, drop_remainder=True)
        return data.with_options(_no_autoshard())

    def plain():
        loss = LOSSES_UNDER_TEST[name].build(3)
        keras.utils.set_random_seed(0)
        net = keras.Sequential([keras.Input([6]), keras.layers.Dense(8, "relu"), keras.layers.Dense(loss.num_outputs)])
        model = NoisyLabelClassifier(net, loss)
        model.compile(keras.optimizers.SGD(0.05), metrics=["accuracy"], jit_compile=False)
        return model

    alone = plain().fit(batches(), epochs=3, shuffle=False, verbose=0).history
    with two_replicas.scope():
        both = plain()
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
    model.compile("sgd", jit_compile=False)
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


@pytest.mark.parametrize("first", ["indices", "distributions"])
@pytest.mark.daily("distributions")
def test_accuracy_is_one_number_whichever_form_labels_have(first):
    """Keras chooses the metric by the first batch; labels in the other form must be converted for it."""
    model = classifier(losses.LabelSmoothing(3))
    soft = np.random.default_rng(2).dirichlet(np.ones(3), 48).astype("float32")
    labels = {"indices": soft.argmax(1), "column": soft.argmax(1)[:, None], "distributions": soft}
    model.fit(FEATURES, labels[first], batch_size=16, verbose=0)
    expected = np.mean(model.predict(FEATURES, verbose=0).argmax(1) == soft.argmax(1))
    assert 0 < expected < 1
    for then in labels.values():
        for data in (FEATURES, then), (tf.data.Dataset.from_tensors((FEATURES, then)), None):
            found = model.evaluate(*data, verbose=0, return_dict=True)["accuracy"]
            assert found == pytest.approx(expected)


def test_labels_of_any_rank_are_refused():
    """Keras traces such a step if it received indices and columns that were not checked before."""
    model = classifier(losses.LabelSmoothing(3))
    step = tf.function(lambda y: model.compute_loss(None, y, tf.zeros([4, 3])))
    with pytest.raises(ValueError, match=r"`y_true` must have a rank that is known .* Pass class indices as \[...\]"):
        step.get_concrete_function(tf.TensorSpec(None, tf.int64))


def test_layers_may_be_thawed_between_compile_and_fit():
    hidden = keras.layers.Dense(4)
    loss = losses.LabelSmoothing(3)
    model = NoisyLabelClassifier(keras.Sequential([keras.Input([6]), hidden, keras.layers.Dense(3)]), loss)
    hidden.trainable = False
    model.compile(keras.optimizers.Adam(0.1, use_ema=True))
    hidden.trainable = True
    before = hidden.kernel.numpy()
    model.fit(FEATURES, LABELS, verbose=0)
    assert not np.allclose(before, hidden.kernel)
