"""Students: a loss equal to its formula, and a teacher that does not change."""

import h5py
import keras
import numpy as np
import pytest
from scipy import special

from tests.helpers.losses_under_test import LOSSES_UNDER_TEST
from tfp_noise import DistilledClassifier, NoisyLabelClassifier, losses, noise

FEATURES = np.random.default_rng(0).normal(size=(48, 6)).astype("float32")
LABELS = np.random.default_rng(1).integers(0, 3, 48)
BF16 = "mixed_bfloat16"
NAMES = ["smoothing", "backward", "forward", "logistic_normal"]


def network(num_outputs):
    layers = [keras.Input([6]), keras.layers.Dense(8, activation="relu"), keras.layers.Dropout(0.3, seed=1)]
    return keras.Sequential([*layers, keras.layers.Dense(num_outputs)])


def teacher(loss=None):
    """Substitute for a trained teacher, with random weights and an optimizer."""
    keras.utils.set_random_seed(7)
    loss = loss or losses.CrossEntropy(3)
    model = NoisyLabelClassifier(network(loss.num_outputs), loss)
    model.compile(keras.optimizers.Adam(0.01), jit_compile=False)
    rng = np.random.default_rng(7)
    model.set_weights([weight + 0.2 * rng.normal(size=weight.shape) for weight in model.get_weights()])
    return model


@keras.saving.register_keras_serializable()
class Subclassed(keras.Model):
    """A subclassed network, whose layers Keras does not know before a call, with a regulariser."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.normalise = keras.layers.BatchNormalization()
        self.last = keras.layers.Dense(3, activity_regularizer=keras.regularizers.L2(10.0))

    def call(self, inputs, training=None):
        return self.last(self.normalise(inputs, training=training))


def student(loss=None, from_teacher=None, metrics=("accuracy",), **arguments):
    loss, from_teacher = loss or losses.CrossEntropy(3), from_teacher or teacher()
    keras.utils.set_random_seed(0)
    own = arguments.pop("own", None) or network(loss.num_outputs)
    model = DistilledClassifier(own, loss, from_teacher, **arguments)
    # A trace costs more than these few steps.
    model.compile(keras.optimizers.Adam(0.01), metrics=list(metrics) or None, run_eagerly=True)
    return model


def fit(model, epochs=1, **kwargs):
    return model.fit(FEATURES, LABELS, batch_size=16, epochs=epochs, shuffle=False, verbose=0, **kwargs).history


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("temperature", "label_weight"), [(1.0, 0.0), (2.0, 0.0), (2.0, 0.3), (5.0, 1.0)])
def test_loss_is_the_formula(name, temperature, label_weight):
    """The value equals the float64 oracle of the student's loss, with labels softened in the test."""
    case = LOSSES_UNDER_TEST[name]
    if name == "logistic_normal":
        temperature = 1.0
    model = student(case.build(3), temperature=temperature, label_weight=label_weight)
    teacher_logits = np.asarray(model.teacher(FEATURES), "float64")
    outputs = np.asarray(model(FEATURES), "float64")
    softened = case.oracle(special.softmax(teacher_logits / temperature, axis=1), outputs / temperature)
    on_labels = case.oracle(np.eye(3)[LABELS], outputs)
    expected = (1 - label_weight) * temperature**2 * softened + label_weight * on_labels
    loss = model.compute_loss(FEATURES, LABELS, model(FEATURES), training=True)
    assert float(loss) == pytest.approx(expected.mean(), rel=1e-5)
    weights = np.linspace(0, 2, 48).astype("float32")
    weighted = model.compute_loss(FEATURES, LABELS, model(FEATURES), weights, training=True)
    assert float(weighted) == pytest.approx((weights * expected).mean(), rel=1e-5)


@pytest.mark.parametrize("label_weight", [0.0, 0.3])
@pytest.mark.daily("0.3")
def test_trains_as_keras_distiller_does(label_weight):
    """Keras's Distiller minimises the Kullback-Leibler divergence: another value, the same gradient."""
    ours = student(temperature=2.0, label_weight=label_weight)
    reference = keras.distillation.Distiller(
        teacher().network,
        ours_network := keras.models.clone_model(ours.network),
        # Not the default "kl_divergence", which becomes a function that Keras 3.15 calls with raw logits.
        keras.distillation.LogitsDistillation(temperature=2.0, loss=keras.losses.KLDivergence()),
        student_loss_weight=label_weight,
    )
    ours_network.set_weights(ours.network.get_weights())
    on_labels = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    reference.compile(keras.optimizers.SGD(0.1), loss=on_labels, jit_compile=False)
    ours.compile(keras.optimizers.SGD(0.1), jit_compile=False)
    for model in (ours, reference):
        for layer in model._flatten_layers():
            if isinstance(layer, keras.layers.Dropout):
                layer.rate = 0.0
        fit(model, epochs=2)
    for mine, theirs in zip(ours.network.get_weights(), ours_network.get_weights(), strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-4, atol=1e-6)


@pytest.mark.thorough
def test_student_that_can_becomes_its_teacher():
    """The loss is smallest for the teacher's weights, whatever the labels are; a linear student finds them."""
    keras.utils.set_random_seed(0)
    loss = losses.CrossEntropy(3)
    linear = [keras.Sequential([keras.Input([6]), keras.layers.Dense(3)]) for _ in range(2)]
    model = DistilledClassifier(linear[0], loss, NoisyLabelClassifier(linear[1], loss))
    model.compile(keras.optimizers.Adam(0.1), jit_compile=False)
    assert np.abs(model.predict(FEATURES, verbose=0) - model.teacher.predict(FEATURES, verbose=0)).max() > 0.2
    fit(model, epochs=40)
    np.testing.assert_allclose(
        model.predict(FEATURES, verbose=0), model.teacher.predict(FEATURES, verbose=0), atol=0.02
    )


def test_labels_are_not_needed_without_weight_and_are_with_it():
    without = student(metrics=())
    before = without.network.get_weights()
    without.fit(FEATURES, verbose=0)
    assert any(np.any(a != b) for a, b in zip(before, without.network.get_weights(), strict=True))
    with_labels = student(metrics=(), label_weight=0.5)
    with pytest.raises(ValueError, match="`y` must hold the labels"):
        with_labels.fit(FEATURES, verbose=0)
    with pytest.raises(ValueError, match="`y` must hold labels for `metrics`"):
        student().fit(FEATURES, verbose=0)


@pytest.mark.parametrize("loss", [losses.ForwardCorrection(3, noise.symmetric(3, 0.2)), losses.LogisticNormal(3)])
@pytest.mark.daily("loss1")
def test_teacher_of_any_loss_is_not_trained(loss):
    model = student(from_teacher=teacher(loss))
    before = model.teacher.get_weights()
    fit(model, epochs=2)
    for then, now in zip(before, model.teacher.get_weights(), strict=True):
        np.testing.assert_array_equal(then, now)
    assert model.teacher.trainable
    ours = {id(variable) for variable in model.network.trainable_variables}
    assert {id(variable) for variable in model.trainable_variables} == ours
    logits = np.asarray(loss.logits(model.teacher(FEATURES)))
    targets = special.softmax(logits / 2, axis=1)
    outputs = np.asarray(model(FEATURES), "float64") / 2
    expected = -4 * np.sum(targets * special.log_softmax(outputs, axis=1), axis=1).mean()
    assert float(model.compute_loss(FEATURES, LABELS, model(FEATURES), training=False)) == pytest.approx(expected, 1e-5)


def test_teacher_may_be_any_keras_model_with_logits():
    plain = teacher()
    ours, of_plain = student(from_teacher=plain), student(from_teacher=plain.network)
    assert fit(ours) == fit(of_plain)


@pytest.mark.parametrize("kind", ["subclassed", "plain"])
@pytest.mark.thorough
def test_goes_on_after_loading_as_if_it_had_not_stopped(kind, tmp_path):
    """With a teacher of its own optimizer; the contract has a teacher that is a classifier."""
    keras.utils.set_random_seed(3)
    plain = Subclassed() if kind == "subclassed" else network(3)
    plain.compile("adam", loss="mse", run_eagerly=True)
    plain.fit(FEATURES, np.eye(3)[LABELS], verbose=0)
    whole = student(from_teacher=plain)

    class SaveHalfWay(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            if epoch == 1:
                whole.save(tmp_path / "student.keras")

    fit(whole, epochs=4, callbacks=[SaveHalfWay()])
    loaded = keras.models.load_model(tmp_path / "student.keras")
    fit(loaded, epochs=2)
    for a, b in zip(whole.get_weights(), loaded.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    for a, b in zip(whole.teacher.get_weights(), loaded.teacher.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_file_holds_the_teachers_weights_once_and_no_optimizer_of_it(tmp_path):
    model = student()
    fit(model)
    model.save_weights(tmp_path / "student.weights.h5")
    with h5py.File(tmp_path / "student.weights.h5") as file:
        names = []
        file.visititems(lambda name, item: names.append(name) if isinstance(item, h5py.Dataset) else None)
    assert sum("teacher" in name for name in names) == len(model.teacher.get_weights())
    assert not [name for name in names if name.startswith("teacher/")]
    other = student(from_teacher=teacher(losses.LabelSmoothing(3, alpha=0.5)))
    other.load_weights(tmp_path / "student.weights.h5")
    for one, two in zip(model.teacher.get_weights(), other.teacher.get_weights(), strict=True):
        np.testing.assert_array_equal(one, two)


def test_clone_has_no_teacher_and_says_so():
    model = student()
    clone = keras.models.clone_model(model)
    clone.set_weights(model.get_weights())
    np.testing.assert_array_equal(clone.predict(FEATURES, verbose=0), model.predict(FEATURES, verbose=0))
    clone.compile("adam", jit_compile=False)
    with pytest.raises(ValueError, match=r"`teacher` must be trained\. This model was made from a configuration"):
        fit(clone)


def test_student_may_teach_and_is_saved_without_its_own_teacher(tmp_path):
    grandchild = student(from_teacher=student())
    fit(grandchild)
    grandchild.save(tmp_path / "grandchild.keras")
    loaded = keras.models.load_model(tmp_path / "grandchild.keras")
    assert type(loaded.teacher) is NoisyLabelClassifier
    expected = grandchild.teacher.predict(FEATURES, verbose=0)
    np.testing.assert_array_equal(loaded.teacher.predict(FEATURES, verbose=0), expected)


def test_weights_of_a_plain_classifier_load_into_a_student(tmp_path):
    plain, model = teacher(), student()
    plain.save_weights(tmp_path / "plain.weights.h5")
    before = model.teacher.get_weights()
    model.load_weights(tmp_path / "plain.weights.h5")
    for one, two in zip(model.network.get_weights(), plain.network.get_weights(), strict=True):
        np.testing.assert_array_equal(one, two)
    for one, two in zip(before, model.teacher.get_weights(), strict=True):
        np.testing.assert_array_equal(one, two)


def test_frozen_layers_may_be_shared_with_the_teacher():
    backbone = keras.layers.Dense(8, activation="relu")
    inputs = keras.Input([6])
    frozen = backbone(inputs)
    backbone.trainable = False
    ours, theirs = (keras.Model(inputs, keras.layers.Dense(3)(frozen)) for _ in range(2))
    student(own=ours, from_teacher=theirs)


def test_teacher_infers_and_its_regularisers_do_not_count():
    """Batch statistics and activity losses of the teacher do not change, although it runs on the student's batch."""
    plain = Subclassed()
    plain.compile("adam", loss="mse", jit_compile=False)
    plain.fit(FEATURES, np.eye(3)[LABELS], verbose=0)
    model = student(from_teacher=plain)
    before = plain.get_weights()
    targets = special.softmax(plain.predict(FEATURES, verbose=0).astype("float64") / 2, axis=1)
    outputs = np.asarray(model(FEATURES), "float64") / 2
    expected = -4 * np.sum(targets * special.log_softmax(outputs, axis=1), axis=1).mean()
    assert float(model.compute_loss(FEATURES, LABELS, model(FEATURES), training=True)) == pytest.approx(expected, 1e-4)
    fit(model)
    for then, now in zip(before, plain.get_weights(), strict=True):
        np.testing.assert_array_equal(then, now)


def test_teacher_keeps_on_training_where_its_owner_wants_it_to():
    of_teacher = teacher()
    model = student(from_teacher=of_teacher)
    fit(model)
    model.trainable = False
    model.trainable = True
    assert len(model.trainable_variables) == 4
    before = of_teacher.get_weights()
    fit(of_teacher)
    assert any(np.any(then != now) for then, now in zip(before, of_teacher.get_weights(), strict=True))


@pytest.mark.parametrize("jit_compile", [False, True])
@pytest.mark.thorough
def test_mixed_precision_and_xla_agree_with_float32(jit_compile):
    """The loss is computed in float32 from half-precision outputs of both."""
    reference = student(metrics=())
    history = fit(reference)["loss"]
    half = keras.models.clone_model(
        reference.network, clone_function=lambda layer: type(layer).from_config({**layer.get_config(), "dtype": BF16})
    )
    model = student(own=half, metrics=())
    model.network.set_weights(student().network.get_weights())
    model.compile(keras.optimizers.Adam(0.01), jit_compile=jit_compile)
    assert model(FEATURES).dtype == "bfloat16"
    outputs = model(FEATURES)
    teacher_logits = np.asarray(model.teacher(FEATURES), "float64")
    log_student = special.log_softmax(np.asarray(keras.ops.cast(outputs, "float32"), "float64") / 2, axis=1)
    expected = -4 * np.mean(np.sum(special.softmax(teacher_logits / 2, axis=1) * log_student, axis=1))
    assert float(model.compute_loss(FEATURES, None, outputs, training=True)) == pytest.approx(expected, rel=1e-5)
    assert fit(model)["loss"] == pytest.approx(history, rel=0.05)


def test_validation_reports_the_evaluation_loss_of_the_teachers_labels():
    class Moving(losses.LabelSmoothing):
        def evaluation_loss(self, y_true, y_pred, sample_weight=None):
            return keras.ops.sum(y_true * y_pred) / len(y_true)

    model = student(Moving(3, alpha=0.0), metrics=())
    targets = special.softmax(np.asarray(model.teacher(FEATURES)) / 2, axis=1)
    expected = 4 * np.mean(np.sum(targets * np.asarray(model(FEATURES)) / 2, axis=1))
    assert float(model.compute_loss(FEATURES, None, model(FEATURES), training=False)) == pytest.approx(expected, 1e-4)


@pytest.mark.parametrize(
    ("build", "error", "message"),
    [
        (lambda: student(from_teacher=network(5)), ValueError, r"logits \[batch, 3\].* outputs of shape \(None, 5\)"),
        (
            lambda: student(from_teacher=keras.Sequential([keras.Input([4]), keras.layers.Dense(3)])),
            ValueError,
            r"`teacher` must map the student's inputs, of shape \(None, 6\)",
        ),
        (lambda: student(own=(one := teacher()).network, from_teacher=one), ValueError, "must not share weights"),
        (lambda: student(from_teacher=teacher().deployable()), ValueError, "`teacher` must end in raw outputs"),
        (
            lambda: student(losses.LogisticNormal(3, covariance="identity")),
            ValueError,
            "`temperature` must be 1 for LogisticNormal",
        ),
        (
            lambda: student(from_teacher="teacher"),
            TypeError,
            "`teacher` must be a trained Keras model.* Train a",
        ),
        (lambda: student(temperature=0), ValueError, "`temperature` must be"),
        (lambda: student(label_weight=1.5), ValueError, "`label_weight` must be"),
        (lambda: student(losses.LogisticNormal(3)), ValueError, "`temperature` must be 1 for LogisticNormal"),
        (
            lambda: student(from_teacher=keras.Sequential([keras.layers.Dense(3)])),
            ValueError,
            "Received: a model without weights",
        ),
        (
            lambda: student(from_teacher=keras.Sequential([network(3), keras.layers.Softmax()])),
            ValueError,
            "`teacher` must end in raw outputs",
        ),
    ],
)
def test_bad_input(build, error, message):
    with pytest.raises(error, match=message):
        build()


def test_a_teacher_that_xla_cannot_compile_keeps_its_student_from_it():
    """On a GPU, Keras compiles by XLA what it can unless told otherwise."""
    x = np.array([[7], [8], [9]])
    layers = [keras.layers.IntegerLookup(vocabulary=[7, 8]), keras.layers.Embedding(3, 3), keras.layers.Flatten()]
    looking_up = NoisyLabelClassifier(
        keras.Sequential([keras.Input([1], dtype="int64"), *layers]), losses.CrossEntropy(3)
    )
    own = keras.Sequential([keras.Input([1], dtype="int64"), keras.layers.Dense(3)])
    model = DistilledClassifier(own, losses.CrossEntropy(3), looking_up)
    with pytest.warns(UserWarning, match="doesn't support `jit_compile=True`"):
        model.compile("sgd", jit_compile=True)
    assert np.isfinite(model.train_on_batch(x, np.array([0, 1, 2])))
