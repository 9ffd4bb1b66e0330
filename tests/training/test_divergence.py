"""Diverged training stops with an error that names the step, and keeps the last good checkpoint."""

import keras
import numpy as np
import pytest

from tests.helpers.losses_under_test import LOSSES_UNDER_TEST, names_of_every_setting, with_ids
from tfp_noise import NoisyLabelClassifier, losses

FEATURES = np.random.default_rng(0).normal(size=(40, 2)).astype("float32")
LABELS = np.arange(40) % 3


class Spoil(keras.callbacks.Callback):
    """Sets a weight to `value` in an epoch, before its step (or, if `None`, at its end)."""

    def __init__(self, value, epoch, step):
        super().__init__()
        self.value, self.epoch, self.step = value, epoch, step

    def on_epoch_begin(self, epoch, logs=None):
        self.now = epoch

    def on_train_batch_begin(self, batch, logs=None):
        self._spoil(batch == self.step)

    def on_train_batch_end(self, batch, logs=None):
        self._spoil(self.step is None and batch == 3)

    def _spoil(self, due):
        if due and self.now == self.epoch:
            weights = self.model.get_weights()
            weights[0][0, 0] = self.value
            self.model.set_weights(weights)


def classifier(loss, **compiled):
    keras.utils.set_random_seed(0)
    model = NoisyLabelClassifier(keras.Sequential([keras.Input([2]), keras.layers.Dense(loss.num_outputs)]), loss)
    model.compile("sgd", **{"jit_compile": False, **compiled})
    return model


def fit(model, *callbacks):
    labels = with_ids(model.loss, LABELS)
    return model.fit(FEATURES, labels, batch_size=10, epochs=3, shuffle=False, verbose=0, callbacks=list(callbacks))


@pytest.mark.parametrize("name", names_of_every_setting())
@pytest.mark.daily("cross_entropy", "logistic_normal", "online", "early_learning", "heteroscedastic")
def test_every_loss_shows_outputs_that_are_not_finite(name):
    loss = LOSSES_UNDER_TEST[name].build(3)
    name = type(loss).__name__
    with pytest.raises(
        FloatingPointError, match=rf"stopped at step 2 of epoch 2: the loss, {name}, became (nan|-?inf)\."
    ):
        fit(classifier(loss, run_eagerly=True), Spoil(np.nan, epoch=1, step=1))


def test_infinite_outputs():
    with pytest.raises(FloatingPointError, match=r"LabelSmoothing, became nan\. .* overwritten\. Lower the"):
        fit(classifier(losses.LabelSmoothing(3)), Spoil(np.inf, epoch=0, step=1))


@pytest.mark.parametrize("optimizer", [keras.optimizers.SGD(gradient_accumulation_steps=4), "mixed_float16"])
def test_steps_are_batches_whatever_the_optimizer_counts(optimizer):
    """Optimizers that accumulate gradients, or skip updates after an overflow, are not stopped."""
    model = classifier(losses.LogisticNormal(3))
    if optimizer == "mixed_float16":
        optimizer = keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(), initial_scale=2.0**100)
    model.compile(optimizer)
    with pytest.raises(FloatingPointError, match="at step 4 of epoch 2"):
        fit(model, Spoil(np.nan, epoch=1, step=3))


def test_replicas(two_replicas):
    with two_replicas.scope():
        model = classifier(losses.LogisticNormal(3))
    with pytest.raises(FloatingPointError, match="at step 3 of epoch 1: the loss, LogisticNormal, became nan"):
        fit(model, Spoil(np.nan, epoch=0, step=2))


def test_the_last_good_checkpoint_stays(tmp_path):
    """Weights that become NaN after an epoch's last loss are found before they are saved."""
    for step in (1, None):
        folder = tmp_path / str(step)
        model = classifier(losses.LogisticNormal(3))
        checkpoints = keras.callbacks.ModelCheckpoint(folder / "model.keras")
        with pytest.raises(FloatingPointError):
            fit(model, Spoil(np.nan, epoch=1, step=step), checkpoints, keras.callbacks.BackupAndRestore(folder / "b"))
        saved = keras.models.load_model(folder / "model.keras")
        assert int(saved.optimizer.iterations) == 4
        assert all(np.isfinite(weights).all() for weights in saved.get_weights())
        # What backed up goes on after the first epoch, and gives what training without an accident gives.
        again, undisturbed = classifier(losses.LogisticNormal(3)), classifier(losses.LogisticNormal(3))
        fit(again, keras.callbacks.BackupAndRestore(folder / "b"))
        fit(undisturbed)
        for ours, theirs in zip(again.get_weights(), undisturbed.get_weights(), strict=True):
            np.testing.assert_array_equal(ours, theirs)


def test_a_call_of_several_steps_names_them_all():
    model = classifier(losses.LogisticNormal(3), steps_per_execution=3)
    with pytest.raises(FloatingPointError, match=r"at one of the steps 1 to 3 of epoch 2: the loss, LogisticNormal"):
        fit(model, Spoil(np.nan, epoch=1, step=0))
    with pytest.raises(FloatingPointError, match="at step 4 of epoch 1"):  # the last call of an epoch is shorter
        fit(classifier(losses.LogisticNormal(3), steps_per_execution=3), Spoil(np.nan, epoch=0, step=3))


def test_a_weight_that_is_lost_is_named():
    with pytest.raises(FloatingPointError, match=r"at step 4 of epoch 2: the weight '.*kernel' is no longer finite"):
        fit(classifier(losses.LogisticNormal(3)), Spoil(np.nan, epoch=1, step=None))


def test_a_learning_rate_far_too_high_is_found():
    model = classifier(losses.LogisticNormal(3))
    model.optimizer.learning_rate = 1e30
    with pytest.raises(FloatingPointError, match="Otherwise, lower the learning rate"):
        fit(model)


def test_callbacks_are_taken_as_keras_takes_them():
    model = classifier(losses.LabelSmoothing(3))
    seen = keras.callbacks.History()
    model.fit(FEATURES, LABELS, 10, 1, 0, seen)
    assert len(seen.history["loss"]) == 1
    listed = keras.callbacks.CallbackList([seen, Spoil(np.nan, epoch=0, step=0)], model=model)
    for _ in range(2):
        with pytest.raises(FloatingPointError):
            model.fit(FEATURES, LABELS, verbose=0, callbacks=listed)
    assert len(listed.callbacks) == 4  # our two, Keras's history, and Spoil; not twice


def test_what_is_saved_between_steps_is_good(tmp_path):
    """An update that makes weights NaN is found before they are saved, not by the next step's loss."""

    class Rate(keras.optimizers.schedules.LearningRateSchedule):
        def __call__(self, step):
            return keras.ops.where(step > 1, np.nan, 0.01)

        def get_config(self):
            return {}

    model = classifier(losses.LogisticNormal(3))
    model.compile(keras.optimizers.SGD(Rate()))
    checkpoints = keras.callbacks.ModelCheckpoint(tmp_path / "model.keras", save_freq=1)
    with pytest.raises(FloatingPointError, match=r"at step 3 of epoch 1: the weight '.*' is no longer finite"):
        fit(model, checkpoints)
    saved = keras.models.load_model(tmp_path / "model.keras", compile=False)
    assert all(np.isfinite(weights).all() for weights in saved.get_weights())


class RunningMaximum(keras.layers.Layer):
    def build(self, input_shape):
        start = keras.initializers.Constant(-np.inf)
        self.largest = self.add_weight(shape=(), initializer=start, trainable=False)

    def call(self, inputs):
        return inputs


def test_a_statistic_may_start_at_infinity():
    network = keras.Sequential([keras.Input([2]), RunningMaximum(), keras.layers.Dense(3)])
    model = NoisyLabelClassifier(network, losses.LabelSmoothing(3))
    model.compile("sgd")
    assert np.isfinite(model.fit(FEATURES, LABELS, verbose=0).history["loss"]).all()


def test_training_in_bfloat16_throughout_does_not_count_as_diverged():
    """The loss computes in float32, the network in bfloat16 alone."""
    before = keras.config.floatx()
    keras.config.set_floatx("bfloat16")
    try:
        history = classifier(losses.LabelSmoothing(3, dtype="float32"), metrics=["accuracy"]).fit(
            FEATURES, LABELS, batch_size=10, verbose=0
        )
    finally:
        keras.config.set_floatx(before)
    assert np.isfinite(float(history.history["loss"][0]))


def test_the_message_knows_what_a_loss_is_prone_to():
    model = classifier(losses.LogisticNormal(3))
    model.optimizer.learning_rate = 1e4
    with pytest.raises(FloatingPointError, match=r"overwritten\. Unlike .* LogisticNormal .* Otherwise, lower the"):
        model.fit(FEATURES, LABELS, epochs=5, verbose=0)
