"""Online label smoothing: soft labels against the algorithm in NumPy."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import special

from tfp_noise import NoisyLabelClassifier, losses

K = 5
STEPS, BATCH, EPOCHS = 7, 12, 3


def batches(seed=0, zero_weights=False):
    """Logits, labels and weights `[epochs, steps, batch, ...]`; half of the labels are what the logits say.

    The last class does not come in the last epoch, so that its row stays without a prediction.
    """
    rng = np.random.default_rng(seed)
    shape = EPOCHS, STEPS, BATCH
    logits = rng.normal(scale=2.0, size=(*shape, K)).astype("float32")
    labels = np.where(rng.random(shape) < 0.5, logits.argmax(-1), rng.integers(0, K, shape))
    labels[2][labels[2] == K - 1] = 0
    weights = rng.choice([0.0, 0.5, 2.0], shape) if zero_weights else np.ones(shape)
    return logits, labels.astype("int32"), weights.astype("float32")


def train(loss, logits, labels, weights=None, **compile_arguments):
    """Trains with `fit` on given outputs: the network returns its inputs and does not change."""
    width = logits.shape[-1]
    same = keras.layers.Dense(width, use_bias=False, kernel_initializer="identity")
    network = keras.Sequential([keras.Input([width]), same])
    model = NoisyLabelClassifier(network, loss)
    model.compile(keras.optimizers.SGD(0.0), **{"jit_compile": False, **compile_arguments})
    weights = np.ones(labels.shape[:3], "float32") if weights is None else weights
    steps = tuple(a.reshape(-1, *a.shape[2:]) for a in (logits, labels, weights))
    data = tf.data.Dataset.from_tensor_slices(steps)
    model.fit(data, epochs=len(logits), steps_per_epoch=logits.shape[1], shuffle=False, verbose=0)
    return model


def written_out(
    logits,
    labels,
    weights,
    update_period=STEPS,
    initial="uniform",
    unseen="uniform",
    freeze_above=None,
    per_sample=False,
):
    """Soft labels after all batches, one example at a time, in float64."""
    soft = {
        "uniform": np.full([K, K], 1 / K),
        "zeros": np.zeros([K, K]),
        "smoothed": 0.9 * np.eye(K) + 0.1 / K,
    }[initial]
    sums, counts, step = np.zeros([K, K]), np.zeros(K), 0
    steps = (a.reshape(-1, *a.shape[2:]) for a in (logits, labels, weights))
    for outputs, classes, importance in zip(*steps, strict=True):
        for z, y, w in zip(outputs, classes, importance, strict=True):
            p = special.softmax(z.astype("float64"))
            if p.argmax() == y and w > 0:
                sums[y], counts[y] = (p, 1.0) if per_sample else (sums[y] + w * p, counts[y] + w)
        step += 1
        if step % update_period == 0:
            for y in range(K):
                if freeze_above is not None and soft[y].max() >= freeze_above:
                    continue
                if counts[y] > 0:
                    soft[y] = sums[y] / sums[y].sum()
                elif unseen == "uniform":
                    soft[y] = 1 / K
            sums, counts = np.zeros([K, K]), np.zeros(K)
    return soft


VARIANTS = {
    "paper": {},
    "zeros": {"initial": "zeros"},
    "smoothed": {"initial": "smoothed", "unseen": "kept"},
    "kept": {"unseen": "kept"},
    "frozen": {"freeze_above": 0.6},
    "every_step": {"update_period": 1, "unseen": "kept"},
    "every_third_step": {"update_period": 3},
    "longer_than_an_epoch": {"update_period": STEPS + 2},
    "per_sample": {"per_sample": True},
    "per_sample_every_step": {"per_sample": True, "update_period": 1, "unseen": "kept"},
}


@pytest.mark.parametrize("variant", VARIANTS.values(), ids=VARIANTS.keys())
@pytest.mark.daily("paper", "zeros", "kept")
def test_three_epochs_give_the_soft_labels_of_the_algorithm(variant):
    # Variants with periods of epochs have weights, some of them 0; variants with periods of steps have none.
    data = batches(zero_weights="update_period" not in variant and "initial" not in variant)
    expected = written_out(*data, **variant)
    loss = losses.OnlineLabelSmoothing(K, **variant)
    train(loss, *data)
    np.testing.assert_allclose(loss.soft_labels, expected, atol=1e-6)
    assert np.abs(expected - 1 / K).max() > 0.2


def test_the_variants_differ():
    """Without this, the test above could not tell the variants apart."""
    data = batches()
    rows = [written_out(*data, **variant) for name, variant in VARIANTS.items() if name not in ("zeros", "smoothed")]
    for i, one in enumerate(rows):
        assert all(np.abs(one - other).max() > 1e-3 for other in rows[:i])
    # After an epoch nothing is left of the initial rows, except for rows that are kept.
    first = [a[:1] for a in data]
    np.testing.assert_array_equal(written_out(*first, initial="zeros"), written_out(*first))


@pytest.mark.parametrize("jit_compile", [False, True], ids=["graph", "xla"])
@pytest.mark.parametrize("variant", ["paper", "every_third_step", "per_sample_every_step"])
@pytest.mark.daily("per_sample_every_step-xla", "paper-graph")
def test_steps_run_many_at_a_time_or_compiled(variant, jit_compile):
    data = batches()
    loss = losses.OnlineLabelSmoothing(K, **VARIANTS[variant])
    train(loss, *data, jit_compile=jit_compile, steps_per_execution=7)
    np.testing.assert_allclose(loss.soft_labels, written_out(*data, **VARIANTS[variant]), atol=1e-6)


def test_a_soft_label_counts_for_its_largest_class():
    logits, labels, weights = batches()
    rng = np.random.default_rng(1)
    soft = rng.dirichlet(np.full(K, 0.5), labels.shape).astype("float32")
    loss = losses.OnlineLabelSmoothing(K)
    train(loss, logits, soft, weights)
    np.testing.assert_allclose(loss.soft_labels, written_out(logits, soft.argmax(-1), weights), atol=1e-6)


def test_the_loss_is_that_of_the_period_before():
    """Eq. 3 and 4: the second epoch uses the soft labels of the first."""
    logits, labels, weights = batches()
    loss = losses.OnlineLabelSmoothing(K, alpha=0.3)
    model = train(loss, logits[:1], labels[:1])
    soft = written_out(logits[:1], labels[:1], weights[:1])
    log_p = special.log_softmax(logits[1].astype("float64"), axis=-1)
    targets = 0.3 * np.eye(K)[labels[1]] + 0.7 * soft[labels[1]]
    expected = -np.sum(targets * log_p, axis=-1).mean()
    data = tf.data.Dataset.from_tensor_slices((logits[1], labels[1]))
    assert model.fit(data, shuffle=False, verbose=0).history["loss"][0] == pytest.approx(expected, rel=1e-6)
    one_hot = tf.data.Dataset.from_tensor_slices((logits[1], np.eye(K, dtype="float32")[labels[1]]))
    again = train(losses.OnlineLabelSmoothing(K, alpha=0.3), logits[:1], labels[:1])
    assert again.fit(one_hot, shuffle=False, verbose=0).history["loss"][0] == pytest.approx(expected, rel=1e-6)


def test_zeros_make_the_first_epoch_half_of_cross_entropy():
    logits, labels, _ = batches()
    outputs, classes = logits[0, 0], labels[0, 0]
    half = losses.OnlineLabelSmoothing(K, initial="zeros")(classes, outputs)
    whole = losses.CrossEntropy(K)(classes, outputs)
    assert float(half) == pytest.approx(0.5 * float(whole), rel=1e-6)


def test_the_first_epoch_is_label_smoothing():
    """Rows start uniform, which the paper says keeps the first epoch from diverging."""
    logits, labels, _ = batches()
    outputs, classes = logits[0, 0], labels[0, 0]
    online = losses.OnlineLabelSmoothing(K, alpha=0.9)(classes, outputs)
    assert float(online) == pytest.approx(float(losses.LabelSmoothing(K, alpha=0.1)(classes, outputs)), rel=1e-6)


def test_alpha_1_is_cross_entropy_whatever_was_learned():
    data = batches()
    loss = losses.OnlineLabelSmoothing(K, alpha=1.0)
    train(loss, *data)
    outputs, classes = data[0][0, 0], data[1][0, 0]
    cross_entropy = losses.CrossEntropy(K)
    np.testing.assert_allclose(loss(classes, outputs), cross_entropy(classes, outputs), rtol=1e-6)


def test_permuted_classes_give_permuted_soft_labels():
    logits, labels, weights = batches()
    order = np.array([3, 0, 4, 1, 2])
    plain, permuted = losses.OnlineLabelSmoothing(K), losses.OnlineLabelSmoothing(K)
    train(plain, logits, labels, weights)
    train(permuted, logits[..., order], np.argsort(order)[labels].astype("int32"), weights)
    np.testing.assert_allclose(permuted.soft_labels, plain.soft_labels[np.ix_(order, order)], atol=1e-6)


def test_labels_out_of_range_are_no_statistics():
    logits, labels, _ = batches()
    loss = losses.OnlineLabelSmoothing(K)
    state = loss.build_state()
    loss.attach_state(state)
    loss.update_state(np.where(labels[0, 0] == 2, -1, labels[0, 0]), logits[0, 0])
    assert state.counts.numpy()[2] == 0
    assert state.counts.numpy().sum() > 0


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"alpha": 1.1}, ValueError, "`alpha` must be.* at most 1. Received: 1.1"),
        ({"alpha": -0.1}, ValueError, "`alpha` must be.* at least 0.* Received: -0.1"),
        (
            {"update_period": "step"},
            ValueError,
            "`update_period` must be \"epoch\" or a number of .*steps. Received: 'step'",
        ),
        ({"update_period": None}, ValueError, '`update_period` must be "epoch" or a number'),
        ({"update_period": 0}, ValueError, "`update_period` must be at least 1. Received: 0"),
        ({"update_period": 1.5}, TypeError, "`update_period` must be an integer"),
        ({"top": K}, ValueError, "`top` must be at most 4, one less than the 5 classes. Received: 5. Leave it out"),
        ({"top": 0}, ValueError, "`top` must be at least 1"),
        ({"top": 2.0}, TypeError, "`top` must be an integer"),
        ({"initial": "zero"}, ValueError, "Unknown initial: 'zero'. Did you mean 'zeros'"),
        ({"unseen": "keep"}, ValueError, "Unknown unseen: 'keep'. Did you mean 'kept'"),
        (
            {"freeze_above": 0.88, "initial": "smoothed"},
            ValueError,
            "must be above 0.92, the largest probability of rows.*: 0.88",
        ),
        ({"freeze_above": 88}, ValueError, "`freeze_above` must be.* at most 1. Received: 88"),
        ({"per_sample": 1}, TypeError, "`per_sample` must be True or False"),
    ],
)
def test_bad_settings(arguments, error, message):
    with pytest.raises(error, match=message):
        losses.OnlineLabelSmoothing(K, **arguments)


@pytest.mark.parametrize(
    "build", [losses.OnlineLabelSmoothing, lambda k: losses.LearnableLabelSmoothing(k, top=1)], ids=["online", "top"]
)
def test_a_loop_of_ones_own_that_takes_no_statistics_is_refused(build):
    x, y = np.eye(3, dtype="float32"), np.arange(3)
    model = NoisyLabelClassifier(keras.Sequential([keras.Input([3]), keras.layers.Dense(3)]), build(3))
    model.loss(y, model(x))
    with pytest.raises(ValueError, match=r"Received: none so far.*`model.compute_loss"):
        model.loss_state.end_epoch()
    model.compute_loss(x, y, model(x, training=True))
    model.loss_state.end_epoch()
