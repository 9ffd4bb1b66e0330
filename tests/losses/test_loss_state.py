"""States of losses: variables that a classifier trains, saves, mirrors and restores."""

import functools
import warnings

import h5py
import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.helpers import processes
from tests.helpers.losses_under_test import names_of_every_setting
from tfp_noise import DistilledClassifier, NoisyLabelClassifier, losses, pipeline

K = 5
RNG = np.random.default_rng(0)
FEATURES = RNG.normal(size=(120, 6)).astype("float32")
LABELS = np.where(RNG.random(120) < 0.7, FEATURES[:, :K].argmax(1), RNG.integers(0, K, 120)).astype("int32")

SETTINGS = {
    "online": (losses.OnlineLabelSmoothing, {}),
    "online_steps": (losses.OnlineLabelSmoothing, {"update_period": 3, "unseen": "kept"}),
    "online_top": (losses.OnlineLabelSmoothing, {"top": 2}),
    "learnable": (losses.LearnableLabelSmoothing, {"weight_decay": False}),
    "learnable_rate": (losses.LearnableLabelSmoothing, {"learning_rate": 0.5}),
    "learnable_top": (losses.LearnableLabelSmoothing, {"top": 2}),
}
# Every day the settings that keep most; the others keep a part of what one of these does.
DAILY = ["online_steps", "online_top", "learnable_rate", "learnable_top"]


@pytest.fixture(params=SETTINGS.keys())
def name(request):
    return request.param


def classifier(name, **compile_arguments):
    keras.utils.set_random_seed(0)
    loss_class, arguments = SETTINGS[name]
    layers = [keras.layers.Dense(8, activation="relu"), keras.layers.Dropout(0.2, seed=1), keras.layers.Dense(K)]
    model = NoisyLabelClassifier(keras.Sequential([keras.Input([6]), *layers]), loss_class(K, **arguments))
    model.compile(keras.optimizers.SGD(0.1, momentum=0.9, weight_decay=1e-3), jit_compile=False, **compile_arguments)
    return model


def fit(model, epochs, **kwargs):
    return model.fit(FEATURES, LABELS, batch_size=24, epochs=epochs, shuffle=False, verbose=0, **kwargs)


@functools.cache
def trained(name):
    """A model after three epochs, for tests that read it and change nothing."""
    model = classifier(name)
    fit(model, 3)
    return model


def plain(rows):
    """Class rows as a list of arrays."""
    return list(rows) if isinstance(rows, losses.TopRows) else [rows]


class SaveHalfWay(keras.callbacks.Callback):
    def __init__(self, path):
        super().__init__()
        self.path = path

    def on_epoch_end(self, epoch, logs=None):
        if epoch == 1:
            self.model.save(self.path)


def go_on(folder, names):
    warnings.simplefilter("error")
    warnings.simplefilter("ignore", DeprecationWarning)
    for name in names:
        model = keras.models.load_model(folder / f"{name}.keras")
        fit(model, 2)
        optimizer = [variable.numpy() for variable in model.optimizer.variables]
        np.savez(folder / f"{name}.npz", *model.get_weights(), *optimizer)


@pytest.mark.parametrize("names", [DAILY, pytest.param([*SETTINGS], marks=pytest.mark.torture)])
@pytest.mark.thorough
def test_training_goes_on_bit_for_bit_in_a_new_process(names, tmp_path):
    """Training from a file that was written half-way equals training without an interruption."""
    expected = {}
    for name in names:
        whole, path = classifier(name), tmp_path / f"{name}.keras"
        fit(whole, 4, callbacks=[SaveHalfWay(path)])
        expected[name] = [*whole.get_weights(), *[variable.numpy() for variable in whole.optimizer.variables]]
    processes.call(go_on, tmp_path, names)
    for name, weights in expected.items():
        with np.load(tmp_path / f"{name}.npz") as stored:
            for ours, theirs in zip(weights, stored.values(), strict=True):
                np.testing.assert_array_equal(ours, theirs, err_msg=name)


@pytest.mark.parametrize("name", ["online", "learnable_top"])
@pytest.mark.daily("online")
def test_backup_and_restore_hold_the_rotated_state(name, tmp_path):
    """The backup of an epoch is written after `end_epoch` of the state."""

    class Stop(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 2:
                raise KeyboardInterrupt

    interrupted, whole = classifier(name), classifier(name)
    fit(whole, 4)
    with pytest.raises(KeyboardInterrupt):
        fit(interrupted, 4, callbacks=[keras.callbacks.BackupAndRestore(tmp_path), Stop()])
    restored = classifier(name)
    fit(restored, 4, callbacks=[keras.callbacks.BackupAndRestore(tmp_path)])
    for ours, theirs in zip(restored.get_weights(), whole.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("name", names_of_every_setting(DAILY, SETTINGS))
@pytest.mark.daily("learnable_top")
def test_training_learns_and_evaluation_leaves_what_was_learned_untouched(name):
    alone, validated = trained(name), classifier(name)
    start = [np.array(part) for part in plain(validated.loss.class_rows)]
    history = fit(validated, 3, validation_data=(FEATURES[::-1], LABELS)).history
    validated.evaluate(FEATURES, LABELS, batch_size=24, verbose=0)
    validated.predict(FEATURES, verbose=0)
    for ours, theirs in zip(alone.get_weights(), validated.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    cross_entropy = losses.CrossEntropy(K)(LABELS, validated(FEATURES[::-1]))
    assert history["val_loss"][-1] == pytest.approx(float(cross_entropy), rel=1e-5)
    rows = plain(alone.loss.class_rows)
    assert any(np.abs(now - then).max() > 0.01 for now, then in zip(rows, start, strict=True))
    sums = rows[0].sum(1) if len(rows) == 1 else rows[1].sum(1) + rows[2]
    np.testing.assert_allclose(sums, 1, rtol=1e-5)


@pytest.mark.parametrize("name", ["online_steps", "online_top", "learnable_top"])  # whole rows: in `test_two_workers`
@pytest.mark.daily("learnable_top")
def test_two_replicas_have_the_state_of_one_device(name, two_replicas):
    """The statistics cover the examples of both replicas, and are equal on both."""
    batches = pipeline.shard_batches(
        tf.data.Dataset.from_tensor_slices((FEATURES, LABELS)).batch(24, drop_remainder=True)
    )

    def without_dropout():
        model = classifier(name)
        model.network.layers[1].rate = 0.0
        return model

    one = without_dropout()
    one.fit(batches, epochs=3, shuffle=False, verbose=0)
    with two_replicas.scope():
        both = without_dropout()
    both.fit(batches, epochs=3, shuffle=False, verbose=0)
    for ours, theirs in zip(plain(both.loss.class_rows), plain(one.loss.class_rows), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-5)
    for weight in both.loss_state.weights:
        values = two_replicas.experimental_local_results(weight.value)
        np.testing.assert_array_equal(values[0], values[-1], err_msg=weight.path)


@pytest.mark.parametrize(
    ("name", "policy"),
    [("online_top", "mixed_bfloat16"), ("learnable", "mixed_float16"), ("learnable_rate", "mixed_float16")],
)
@pytest.mark.daily("learnable-mixed_float16")
def test_the_state_is_float32_under_mixed_precision(name, policy):
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        model = classifier(name)
    finally:
        keras.config.set_dtype_policy(before)
    history = fit(model, 2).history["loss"]
    assert np.isfinite(history).all()
    assert all(weight.dtype in ("float32", "int64") for weight in model.loss_state.weights)
    assert all(part.dtype in ("float32", "int64") for part in plain(model.loss.class_rows))


def test_a_compiled_step_on_a_gpu_reaches_all_of_the_state(name):
    """TensorFlow keeps int32 variables on the host, where `jit_compile` fails."""
    on_hosts_only = [weight.path for weight in classifier(name).loss_state.weights if weight.dtype == "int32"]
    assert not on_hosts_only


@pytest.mark.parametrize("name", names_of_every_setting(DAILY, SETTINGS))
def test_a_loss_without_an_owner_computes_with_its_start(name):
    """It does so inside a function too, and losses do not share what they learn."""
    loss_class, arguments = SETTINGS[name]
    alone = loss_class(K, **arguments)
    outputs = RNG.normal(size=(120, K)).astype("float32")
    other = loss_class(K, **arguments)  # its first call is inside
    inside = tf.function(lambda: other(LABELS, outputs), jit_compile=True, autograph=False)()
    assert float(alone(LABELS, outputs)) == pytest.approx(float(inside), rel=1e-5)
    assert float(trained(name).loss(LABELS, outputs)) != pytest.approx(float(inside), rel=1e-5)
    assert float(alone(LABELS, outputs)) == pytest.approx(float(inside), rel=1e-5)


def test_one_loss_belongs_to_one_classifier(name):
    model = classifier(name)
    other = keras.Sequential([keras.Input([6]), keras.layers.Dense(K)])
    with pytest.raises(ValueError, match=r"`loss` must belong to one classifier.*from_config\(loss.get_config\(\)\)"):
        NoisyLabelClassifier(other, model.loss)
    NoisyLabelClassifier(other, type(model.loss).from_config(model.loss.get_config()))


def test_a_classifier_that_could_not_be_made_owns_nothing():
    loss = losses.OnlineLabelSmoothing(K)
    with pytest.raises(ValueError, match="must have 5 outputs"):
        NoisyLabelClassifier(keras.Sequential([keras.Input([6]), keras.layers.Dense(K + 1)]), loss)
    NoisyLabelClassifier(keras.Sequential([keras.Input([6]), keras.layers.Dense(K)]), loss)


def test_an_annealed_loss_belongs_to_one_classifier():
    schedule = keras.optimizers.schedules.PolynomialDecay(2.0, 10, 0.1)
    loss = losses.LogisticNormal(K, min_scale=schedule)

    def network():
        return keras.Sequential([keras.Input([6]), keras.layers.Dense(loss.num_outputs)])

    NoisyLabelClassifier(network(), loss)
    with pytest.raises(ValueError, match="must belong to one classifier, because its `min_scale` is a schedule"):
        NoisyLabelClassifier(network(), loss)


def test_losses_that_keep_nothing_may_be_shared():
    loss = losses.LabelSmoothing(K)
    for _ in range(2):
        NoisyLabelClassifier(keras.Sequential([keras.Input([6]), keras.layers.Dense(K)]), loss)


@pytest.mark.parametrize(
    ("saved", "wanted"),
    [
        ("online", "learnable"),
        ("learnable", "online"),
        ("online", "online_top"),
        ("online", "online_steps"),
        ("learnable", "learnable_variant"),
        ("learnable", None),
        (None, "learnable"),
    ],
)
def test_state_of_another_loss_is_refused(saved, wanted, tmp_path):
    others = {
        "learnable_variant": lambda: losses.LearnableLabelSmoothing(K, variant="label_smoothing++"),
        None: lambda: losses.LabelSmoothing(K),
    }

    def build(name):
        if name in SETTINGS:
            return classifier(name)
        layers = [keras.layers.Dense(8), keras.layers.Dropout(0.2), keras.layers.Dense(K)]
        return NoisyLabelClassifier(keras.Sequential([keras.Input([6]), *layers]), others[name]())

    build(saved).save_weights(tmp_path / "model.weights.h5")
    with pytest.raises(ValueError, match=r"must hold the state of this classifier's loss, .*To load the network alone"):
        build(wanted).load_weights(tmp_path / "model.weights.h5")


def test_what_a_loss_keeps_is_stored_once(name, tmp_path):
    model = classifier(name)
    model.save_weights(tmp_path / "model.weights.h5")
    sizes = []
    with h5py.File(tmp_path / "model.weights.h5") as file:
        kept = next(layer for key, layer in file["layers"].items() if key.endswith(("soft_labels", "target_logits")))
        kept.visititems(lambda _, item: sizes.append(item.size) if isinstance(item, h5py.Dataset) else None)
    assert sum(sizes) == sum(weight.numpy().size for weight in model.loss_state.weights)


def test_the_state_of_a_users_own_loss_is_saved(tmp_path):
    class Counting(losses.LabelSmoothing):
        def build_state(self):
            state = keras.layers.Layer(name="loss_state")
            state.count = state.add_weight(shape=(), initializer="ones", trainable=False)
            state.end_epoch = lambda: None
            state.built = True
            return state

    saved, loaded = (
        NoisyLabelClassifier(keras.Sequential([keras.Input([6]), keras.layers.Dense(K)]), Counting(K)) for _ in range(2)
    )
    saved.loss_state.count.assign(3.0)
    saved.save_weights(tmp_path / "model.weights.h5")
    loaded.load_weights(tmp_path / "model.weights.h5")
    assert float(loaded.loss_state.count.value) == 3.0


def test_state_of_another_number_of_classes_is_refused_with_both_numbers(tmp_path):
    def build(num_classes):
        network = keras.Sequential([keras.Input([6]), keras.layers.Dense(num_classes)])
        return NoisyLabelClassifier(network, losses.LearnableLabelSmoothing(num_classes))

    build(5).save_weights(tmp_path / "model.weights.h5")
    with pytest.raises(ValueError, match=r"LearnableLabelSmoothing\(7\)\. Received.*LearnableLabelSmoothing\(5\)"):
        build(7).load_weights(tmp_path / "model.weights.h5")


def test_a_plain_keras_model_is_refused(name):
    loss_class, arguments = SETTINGS[name]
    model = keras.Sequential([keras.Input([6]), keras.layers.Dense(K)])
    model.compile("sgd", loss=loss_class(K, **arguments), jit_compile=False)
    with pytest.raises(ValueError, match=r"must belong to a `NoisyLabelClassifier`.*Wrap the network"):
        model.fit(FEATURES, LABELS, verbose=0)


@pytest.mark.thorough
def test_a_teacher_with_a_learned_matrix_teaches_and_is_saved(tmp_path):
    """Distillation at temperature 1 without labels: the paper's Eq. 6 with beta = 0."""
    teacher = classifier("learnable")
    fit(teacher, 5)
    network = keras.Sequential([keras.Input([6]), keras.layers.Dense(K)])
    student = DistilledClassifier(network, losses.CrossEntropy(K), teacher, temperature=1.0)
    student.compile("adam", jit_compile=False)
    expected = -np.sum(teacher.predict(FEATURES, verbose=0) * np.log(student.predict(FEATURES, verbose=0)), axis=1)
    assert student.evaluate(FEATURES, LABELS, verbose=0) == pytest.approx(expected.mean(), rel=1e-5)
    before = [weight.numpy() for weight in teacher.weights]
    student.fit(FEATURES, epochs=2, verbose=0)
    for weight, value in zip(teacher.weights, before, strict=True):
        np.testing.assert_array_equal(weight, value)
    student.save(tmp_path / "student.keras")
    loaded = keras.models.load_model(tmp_path / "student.keras")
    np.testing.assert_array_equal(loaded.teacher.loss.q_matrix, teacher.loss.q_matrix)


@pytest.mark.thorough
def test_a_student_without_labels_counts_its_teachers():
    teacher = classifier("learnable")
    fit(teacher, 5)
    network = keras.Sequential([keras.Input([6]), keras.layers.Dense(K)])
    student = DistilledClassifier(network, losses.OnlineLabelSmoothing(K), teacher, temperature=1.0)
    student.compile(keras.optimizers.SGD(0.0), jit_compile=False)
    student.fit(FEATURES, verbose=0)
    taught, p = teacher.predict(FEATURES, verbose=0).argmax(1), student.predict(FEATURES, verbose=0)
    for y in range(K):
        chosen = (taught == y) & (p.argmax(1) == y)
        expected = p[chosen].mean(0) if chosen.any() else np.full(K, 1 / K)
        np.testing.assert_allclose(student.loss.soft_labels[y], expected, atol=1e-5)
