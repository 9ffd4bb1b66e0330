"""Outputs with a label at each position: the loss of the same positions as examples, to the last bit."""

import contextlib

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.helpers.losses_under_test import LOSSES_UNDER_TEST, first_of_class, with_ids
from tfp_noise import losses

SHAPE, K = (2, 8, 8), 5
RNG = np.random.default_rng(0)
INDICES = RNG.integers(0, K, SHAPE)
FORMS = {
    "indices": INDICES,
    "column": INDICES[..., None],
    "one-hot": np.eye(K, dtype="float32")[INDICES],
    "soft": RNG.dirichlet(np.ones(K), SHAPE).astype("float32"),
}
WEIGHTS = RNG.uniform(size=SHAPE).astype("float32")
MASK, IGNORED = RNG.uniform(size=(2, *SHAPE)) < 0.7
COUNTS = MASK & ~IGNORED
EVERY = {name: case.build(K) for name, case in LOSSES_UNDER_TEST.items()}
BUILT = {name: loss for name, loss in EVERY.items() if not loss.needs_ids}  # the others remember no positions
EACH_CLASS = first_of_class(BUILT)
OF_A_WHOLE_BATCH = {"bounded_forward", "pairwise_confusion"}
OF_EXAMPLES_ALONE = [n for n in EACH_CLASS if BUILT[n].seed_generator is None and n not in OF_A_WHOLE_BATCH]


def outputs_for(loss):
    return tf.constant(np.random.default_rng(1).normal(size=(*SHAPE, loss.num_outputs)), "float32")


def masked(outputs, mask):
    outputs = tf.identity(outputs)
    outputs._keras_mask = tf.constant(mask)
    return outputs


def value_and_gradient(loss, labels, outputs, weights=None):
    with tf.GradientTape() as tape:
        tape.watch(outputs)
        value = loss(labels, outputs, weights)
    return value, tape.gradient(value, outputs)


def flat(array):
    """The positions of an array as examples."""
    return tf.reshape(array, [-1, *array.shape[3:]])


def assert_same(dense, of_examples):
    for one, other in zip(dense, of_examples, strict=True):
        assert np.isfinite(one).all()
        np.testing.assert_array_equal(np.reshape(one, np.shape(other)), other)


@pytest.mark.parametrize("name", BUILT)
@pytest.mark.daily(*EACH_CLASS)
def test_value_and_gradient_are_those_of_the_positions_as_examples(name):
    loss = LOSSES_UNDER_TEST[name].build(K, reduction="none")
    outputs = outputs_for(loss)
    for labels in FORMS.values():
        dense = value_and_gradient(loss, labels, outputs, WEIGHTS)
        assert dense[0].shape == SHAPE
        assert_same(dense, value_and_gradient(loss, flat(labels), flat(outputs), flat(WEIGHTS)))


@pytest.mark.parametrize(
    ("name", "jit_compile"),
    [(name, False) for name in EACH_CLASS]
    + [pytest.param(name, True, marks=[pytest.mark.torture] * (name != "cross_entropy")) for name in EACH_CLASS],
)
@pytest.mark.daily(
    "cross_entropy-False", "cross_entropy-True", "forward-False", "logistic_normal-False", "online-False"
)
def test_a_graph_for_any_size_has_the_same_losses(name, jit_compile):
    loss = LOSSES_UNDER_TEST[name].build(K)
    sizes = SHAPE if jit_compile else [None, None, None]

    @tf.function(autograph=False, jit_compile=jit_compile)
    def both(labels, outputs):
        dense = value_and_gradient(loss, labels, outputs)
        return dense, value_and_gradient(loss, tf.reshape(labels, [-1]), tf.reshape(outputs, [-1, loss.num_outputs]))

    specs = tf.TensorSpec(sizes, tf.int64), tf.TensorSpec([*sizes, loss.num_outputs])
    assert_same(*both.get_concrete_function(*specs)(tf.constant(INDICES), outputs_for(loss)))


@pytest.mark.parametrize("name", OF_EXAMPLES_ALONE)
def test_positions_under_a_mask_or_ignored_do_not_count(name):
    loss, ignoring = BUILT[name], LOSSES_UNDER_TEST[name].build(K, ignore_class=-1)
    outputs = outputs_for(loss)
    labels = np.where(IGNORED, -1, INDICES)
    value, gradient = value_and_gradient(ignoring, labels, masked(outputs, MASK), WEIGHTS)
    expected, expected_gradient = value_and_gradient(loss, INDICES[COUNTS], outputs[COUNTS], WEIGHTS[COUNTS])
    np.testing.assert_allclose(value, expected, rtol=1e-5)
    gradient = gradient.numpy()
    np.testing.assert_allclose(gradient[COUNTS], expected_gradient, rtol=1e-4, atol=1e-7)
    assert not gradient[~COUNTS].any()


@pytest.mark.parametrize("name", [name for name in EACH_CLASS if name not in OF_A_WHOLE_BATCH])
def test_validation_leaves_out_positions_under_a_mask(name):
    loss = BUILT[name]
    outputs = outputs_for(loss)
    found = loss.evaluation_loss(INDICES, masked(outputs, MASK), WEIGHTS)
    np.testing.assert_allclose(found, loss.evaluation_loss(INDICES[MASK], outputs[MASK], WEIGHTS[MASK]), rtol=1e-5)


def test_a_scalar_scales_the_loss():
    loss, outputs = losses.CrossEntropy(K), outputs_for(losses.CrossEntropy(K))
    for labels, given in [(INDICES, outputs), (flat(INDICES), flat(outputs))]:
        np.testing.assert_allclose(loss(labels, given, 2.0), 2 * loss(labels, given), rtol=1e-6)


@pytest.mark.parametrize("reduction", ["sum_over_batch_size", "sum", "mean_with_sample_weight"])
@pytest.mark.parametrize("form", [lambda w: w, lambda w: np.broadcast_to(w[:, None, None], SHAPE)[..., None]])
def test_a_weight_of_an_example_is_that_of_its_positions(reduction, form):
    loss, weights = losses.CrossEntropy(K, reduction=reduction), np.array([3.0, 0.5])
    outputs = outputs_for(loss)
    of_each = np.repeat(weights, 64)
    np.testing.assert_allclose(
        loss(INDICES, outputs, form(weights)), loss(flat(INDICES), flat(outputs), of_each), rtol=1e-6
    )


@pytest.mark.parametrize("name", sorted(set(EVERY) - set(BUILT)))
def test_losses_that_remember_examples_refuse_positions(name):
    loss = EVERY[name]
    for labels in FORMS.values():
        with pytest.raises(ValueError, match=r"which remembers examples and not their positions\. Received shape"):
            loss(with_ids(loss, labels), outputs_for(loss))


@pytest.mark.parametrize("name", EVERY)
def test_probabilities_and_the_loss_of_validation_are_those_of_examples(name):
    loss = EVERY[name]
    outputs = outputs_for(loss)
    probabilities = loss.probabilities(outputs)
    np.testing.assert_allclose(flat(probabilities), loss.probabilities(flat(outputs)), rtol=1e-5, atol=1e-7)
    found = loss.evaluation_loss(INDICES, outputs, WEIGHTS)
    np.testing.assert_allclose(found, loss.evaluation_loss(flat(INDICES), flat(outputs), flat(WEIGHTS)), rtol=1e-5)
    symbolic = loss.probabilities(keras.Input([None, None, loss.num_outputs]))
    assert symbolic.shape == (None, None, None, K)


@pytest.mark.parametrize(
    "build",
    [
        losses.OnlineLabelSmoothing,
        lambda k, **kwargs: losses.OnlineLabelSmoothing(k, top=2, **kwargs),
        lambda k, **kwargs: losses.LearnableLabelSmoothing(k, top=2, **kwargs),
    ],
)
def test_statistics_leave_out_positions_that_do_not_count(build):
    outputs, found = outputs_for(build(K)), []
    for loss, arguments in [
        (build(K), (INDICES[COUNTS], outputs[COUNTS], WEIGHTS[COUNTS])),
        (build(K, ignore_class=-1), (np.where(IGNORED, -1, INDICES), masked(outputs, MASK), WEIGHTS)),
    ]:
        before = [variable.numpy() for variable in loss.state().variables]
        loss.update_state(*arguments)
        found.append([variable.numpy() for variable in loss.state().variables])
    assert any(np.any(a != b) for a, b in zip(before, found[0], strict=True))
    for ours, theirs in zip(*found, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5)


def test_pairs_are_the_same_pixels_of_two_images():
    """With an even batch: the distance between two images, and 0 between an image and itself."""
    loss = losses.PairwiseConfusion(K, weight=2.0, reduction=None)
    outputs, labels = outputs_for(loss), np.stack([INDICES[0], (INDICES[0] + 1) % K])
    plain = losses.CrossEntropy(K, reduction=None)(labels, outputs)
    p = tf.nn.softmax(outputs).numpy()
    distance = np.square(p[0] - p[1]).sum(-1)
    np.testing.assert_allclose(loss(labels, outputs) - plain, [distance, distance], atol=1e-6)


DENSE = np.zeros((2, 3, 4, K))
REFUSED = [
    (np.zeros((2, 3)), DENSE, None, r"`y_true` must be .*\(2, 3\) with `y_pred` of shape \(2, 3, 4, 5\)"),
    (np.zeros((2, 4, 3)), DENSE, None, r"`y_true` must be .*Received shape \(2, 4, 3\)"),
    (np.zeros((2, 3, 4, 2)), DENSE, None, r"`y_true` must be .*Received shape \(2, 3, 4, 2\)"),
    (FORMS["one-hot"][:, :3, :4], DENSE.reshape(2, 12, K), None, r"`y_true` must be .*Received shape \(2, 3, 4, 5\)"),
    (np.zeros(2), np.zeros(K), None, r"`y_pred` must have shape \[batch, ..., 5\]"),
    (np.zeros(2), np.zeros((2, K)), np.ones((2, K)), r"`sample_weight` must be numbers \[batch\]"),
]
for _shape in [(3,), (2, 3), (2, 4, 3), (2, 3, 4, K)]:
    REFUSED.append((np.zeros((2, 3, 4)), DENSE, np.ones(_shape), r"`sample_weight` must be numbers .* Received shape"))


@pytest.mark.parametrize(("labels", "outputs", "weights", "message"), REFUSED)
def test_shapes_that_do_not_fit_are_refused(labels, outputs, weights, message):
    with pytest.raises(ValueError, match=message):
        losses.CrossEntropy(K)(labels, outputs, weights)


@pytest.mark.parametrize("shape", [(2, 8), (2, 8, 8, 1), (2, 8, 7)])
def test_masks_of_another_shape_are_refused(shape):
    loss = losses.CrossEntropy(K)
    with pytest.raises(ValueError, match="The mask of `y_pred` must have the axes of `y_pred` but the last"):
        loss(INDICES, masked(outputs_for(loss), np.ones(shape, bool)))


def test_a_plain_keras_model_hands_masks_and_weights_on():
    """Padding is masked, and a token of `ignore_class` is left out; Keras divides by the number of the others."""
    keras.utils.set_random_seed(0)
    layers = [keras.layers.Embedding(5, 4, mask_zero=True), keras.layers.Dense(K)]
    model = keras.Sequential(layers)
    model.compile("sgd", loss=losses.GeneralizedCrossEntropy(K, ignore_class=-1), run_eagerly=True)
    texts, weights = np.array([[1, 2, 0], [3, 4, 4]]), np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], "float32")
    labels = np.array([[0, 1, 2], [-1, 3, 4]])
    kept = (texts > 0) & (labels >= 0)
    outputs = model(texts)
    each = losses.GeneralizedCrossEntropy(K, reduction=None)(labels[kept], outputs[kept]).numpy()
    for given, of_each in [(weights, weights), (weights[:, 0], np.repeat(weights[:, :1], 3, axis=1))]:
        found = model.evaluate(texts, labels, sample_weight=given, verbose=0)
        np.testing.assert_allclose(found, np.mean(each * of_each[kept]), rtol=1e-5)


@pytest.mark.parametrize("shape", [(3,), (3, 1), (3, 2)])
def test_targets_of_a_regression_are_no_classes(shape):
    """Each fraction has the loss NaN, also in a trace; whole numbers may be floats."""
    outputs = np.zeros([*(shape if shape[-1] > 1 else shape[:1]), K], "float32")
    loss = losses.CrossEntropy(K, reduction=None)
    given = np.arange(np.prod(shape)).reshape(shape) * 0.5
    for labels in (given, given.astype("float32")):
        for call in (loss, tf.function(loss, autograph=False)):
            found = np.isnan(call(tf.constant(labels), outputs))
            np.testing.assert_array_equal(found, (given % 1 > 0).reshape(found.shape))


def test_as_many_times_as_classes_are_no_distributions():
    """Beside outputs `[batch, K, K]`, labels `[batch, K]` are class indices."""
    loss, outputs = losses.CrossEntropy(K, reduction=None), np.random.default_rng(0).normal(size=(3, K, K))
    labels = RNG.integers(0, K, [3, K])
    np.testing.assert_allclose(loss(labels, outputs), loss(np.eye(K)[labels], outputs), rtol=1e-6)


def test_an_ignored_class_among_the_classes_refuses_distributions():
    loss = losses.CrossEntropy(K, ignore_class=0)
    assert float(loss(np.zeros([2, 3], int), np.ones([2, 3, K]))) == 0
    for shape in [(2, 3), (2,)]:
        with pytest.raises(ValueError, match=r"`y_true` must be class indices where `ignore_class` is one.*=0"):
            loss(np.full([*shape, K], 1 / K), np.ones([*shape, K]))


@pytest.mark.parametrize(
    "loss",
    [
        losses.PairwiseConfusion(K, weight=1.0),
        losses.BackwardCorrection(K, np.eye(K), non_negative=True),
        losses.BoundedForwardCorrection(K, np.eye(K)),
        losses.ActiveNegative(K, entropy_weight=1.0),
        losses.LogitClip(losses.PairwiseConfusion(K, weight=1.0), 1.0),
    ],
)
def test_losses_of_a_whole_batch_refuse_masks(loss):
    with pytest.raises(ValueError, match="`y_pred` must have no mask of Keras"):
        loss(INDICES, masked(outputs_for(loss), MASK))


@pytest.mark.parametrize("loss", [losses.CrossEntropy(K), losses.MultiLabel(losses.CrossEntropy(2), 1)])
def test_positions_of_unknown_number_are_those_of_the_outputs(loss):
    """Labels of turned images are as many."""
    shapes = tf.TensorSpec([None] * 3, tf.int32), tf.TensorSpec([None] * 3 + [loss.num_outputs])
    traced = tf.function(loss, input_signature=shapes)
    labels, outputs = tf.zeros([2, 3, 4], tf.int32), tf.zeros([2, 3, 4, loss.num_outputs])
    np.testing.assert_allclose(traced(labels, outputs), loss(labels, outputs), rtol=1e-6)
    with pytest.raises(tf.errors.InvalidArgumentError, match="`y_true` must have the axes of `y_pred` but the last"):
        traced(tf.transpose(labels, [0, 2, 1]), outputs)
    with pytest.raises(tf.errors.InvalidArgumentError):  # in these words, or those of an operation that comes earlier
        traced(labels[:, :1, :1], outputs)
    compiled = tf.function(loss, input_signature=shapes, jit_compile=True)  # which cannot raise
    np.testing.assert_allclose(compiled(labels, outputs), loss(labels, outputs), rtol=1e-6)
    assert np.isnan(compiled(tf.transpose(labels, [0, 2, 1]), outputs))
    with contextlib.suppress(tf.errors.InvalidArgumentError):  # one label, which the losses of all could be made of
        assert np.isnan(compiled(labels[:1, :1, :1], outputs[:1]))
