"""Augmentations: their images and labels, determined by the seed, and training with them."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

from tfp_noise import NoisyLabelClassifier, datasets, losses, pipeline
from tfp_noise.pipeline.augmentation import Compose, CropAndFlip, CutMix, Cutout, Mixup, RandAugment

AUGMENTATIONS = [
    CropAndFlip(pad=1),
    Cutout(),
    RandAugment(),
    Mixup(),
    CutMix(),
    Compose((CropAndFlip(pad=1), Mixup(0.5), CutMix(0.5))),
]
MIXES_LABELS = AUGMENTATIONS[3:]


def images_of(augmentation, images, seed):
    """The augmented images, after a check that labels are unchanged."""
    labels = tf.eye(len(images))
    augmented, after = augmentation(tf.convert_to_tensor(images), labels, seed)
    np.testing.assert_array_equal(after, labels)
    return augmented.numpy()


def noise_images(*shape, seed=0):
    return np.random.default_rng(seed).random(shape, dtype=np.float32)


def test_crops_move_and_flips_mirror():
    images = tf.constant(np.random.default_rng(0).random((200, 6, 6, 2)), tf.float32)
    moved = images_of(CropAndFlip(pad=2), images, [0, 1])
    padded = np.pad(images, [(0, 0), (2, 2), (2, 2), (0, 0)])
    found = []
    for i in range(200):
        for top in range(5):
            for left in range(5):
                crop = padded[i, top : top + 6, left : left + 6]
                found += [(top, left, flip) for flip, c in [(0, crop), (1, crop[:, ::-1])] if (c == moved[i]).all()]
    assert len(found) == 200, "each image is one crop of the padded one, mirrored or not"
    top, left, flip = np.array(found).T
    assert set(top) == set(left) == set(range(5))
    assert 0.35 < flip.mean() < 0.65
    assert abs(np.corrcoef(top, left)[0, 1]) < 0.25
    assert (images_of(CropAndFlip(pad=0, flip=False), images, [0, 1]) == images.numpy()).all()


def test_crops_to_a_size_are_windows_of_the_image():
    images = tf.reshape(tf.range(2 * 9 * 7 * 1), [2, 9, 7, 1])
    crops = images_of(CropAndFlip(pad=0, flip=False, size=5), tf.repeat(images, 200, axis=0), [3, 4])
    assert crops.shape == (400, 5, 5, 1)
    corners = crops[:, 0, 0, 0] - np.repeat([0, 63], 200)
    assert set(corners // 7) == set(range(5))  # 9 - 5 + 1 places down, 7 - 5 + 1 across
    assert set(corners % 7) == set(range(3))
    window = np.arange(5)[:, None] * 7 + np.arange(5)
    np.testing.assert_array_equal(crops[..., 0] - crops[:, :1, :1, 0], np.broadcast_to(window, (400, 5, 5)))


def test_cutout_blackens_one_square_a_image_at_a_random_place():
    images = 1 + noise_images(300, 12, 8, 3)
    erased = images_of(Cutout(0.25), images, [0, 1])
    black = erased[..., 0] == 0
    np.testing.assert_array_equal(erased, np.where(black[..., None], 0, images))
    places = set()
    for mask in black:
        rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
        assert (len(rows), len(columns)) == (3, 2)
        assert mask[rows[0] : rows[0] + 3, columns[0] : columns[0] + 2].all()
        assert mask.sum() == 6
        places.add((rows[0], columns[0]))
    assert places == {(top, left) for top in range(1, 10) for left in range(1, 7)}  # not in the first row or column


def test_mixup_mixes_pixels_by_the_weights_of_the_labels():
    """With one class for each example the labels are the coefficients of the mixture."""
    images = noise_images(40, 5, 4, 2)
    mixed, labels = Mixup(0.7)(tf.constant(images), tf.eye(40), [2, 3])
    labels = labels.numpy().astype(np.float64)
    np.testing.assert_allclose(labels.sum(1), 1, rtol=1e-6)
    assert set((labels > 0).sum(1)) <= {1, 2}
    assert len(np.unique(labels.argmin(1))) > 1
    np.testing.assert_allclose(mixed, np.einsum("ij,jhwc->ihwc", labels, images), atol=1e-6)


@pytest.mark.parametrize("alpha", [0.2, 1.0, 3.0])
def test_mixup_draws_its_weights_from_a_beta_distribution(alpha):
    count = 1500
    _, labels = Mixup(alpha)(tf.zeros([count, 1, 1, 1]), tf.eye(count), [5, 6])
    labels = labels.numpy()
    weights = np.diag(labels)
    assert stats.kstest(weights, stats.beta(alpha, alpha).cdf).pvalue > 0.01
    mixed = weights < 1  # at 1 the labels do not say with whom
    partner = np.where(np.eye(count, dtype=bool), 0, labels).argmax(1)[mixed]
    assert len(np.unique(partner)) == mixed.sum() > 0.9 * count, "each example is another's partner once"
    assert abs(stats.spearmanr(weights[mixed], partner).statistic) < 0.1


def test_cutmix_puts_one_rectangle_in_and_weighs_labels_by_its_pixels():
    images = noise_images(200, 9, 14, 2)
    mixed, labels = CutMix()(tf.constant(images), tf.eye(200), [4, 5])
    for i, (image, label) in enumerate(zip(mixed.numpy(), labels.numpy(), strict=True)):
        foreign = (image != images[i]).all(-1)
        np.testing.assert_allclose(label[i], 1 - foreign.mean(), atol=1e-6)
        if foreign.any():
            rows, columns = np.flatnonzero(foreign.any(1)), np.flatnonzero(foreign.any(0))
            assert foreign[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].all()
            partner = np.where(np.arange(200) == i, 0, label).argmax()
            np.testing.assert_allclose(label[partner], foreign.mean(), atol=1e-6)
            np.testing.assert_array_equal(image, np.where(foreign[..., None], images[partner], images[i]))


@pytest.mark.parametrize("seed", [[0, 1], [2, 3], [4, 5]])
@pytest.mark.parametrize("alpha", [0.4, 1.0])
def test_cutmix_draws_its_shares_from_a_beta_distribution(alpha, seed):
    """Only fractions away from 0 and 1, where rounding to pixels has little effect."""
    count, edges = 1000, [0.1, 0.3, 0.5, 0.7, 0.9]
    _, labels = CutMix(alpha)(tf.zeros([count, 32, 32, 1]), tf.eye(count), seed)
    found, _ = np.histogram(1 - np.diag(labels), edges)
    expected = count * np.diff(stats.beta(alpha, alpha).cdf(edges))
    assert np.abs(found - expected).max() < 4 * np.sqrt(expected.max())


def test_rand_augment_draws_operations_for_each_image():
    """Two of the eleven operations have no strength: each must change about one in eleven equal images."""
    image = 0.2 + 0.5 * noise_images(1, 8, 8, 3)
    augmented = images_of(tf.function(RandAugment(num_ops=1)), np.repeat(image, 100, axis=0), [6, 7])
    assert 0 <= augmented.min() <= augmented.max() <= 1
    found = [
        np.isclose(augmented, layer(image), atol=1e-5).all(axis=(1, 2, 3))
        for layer in (keras.layers.AutoContrast(value_range=(0, 1)), keras.layers.Equalization(value_range=(0, 1)))
    ]
    assert all(0.04 < equal.mean() < 0.16 for equal in found)
    twice = images_of(tf.function(RandAugment(num_ops=2)), np.repeat(image, 100, axis=0), [6, 7])
    assert 0 < np.isclose(twice, augmented).all(axis=(1, 2, 3)).sum() < 35, "a second operation changes most images"


def test_steps_of_a_composition_come_in_turn_and_with_seeds_of_their_own():
    seeds = []

    def note(factor):
        def step(images, labels, seed):
            seeds.append(tuple(np.asarray(seed)))
            return images * 2 + factor, labels + factor

        return step

    images, labels = Compose((note(1), note(3)))(tf.zeros([1, 2, 2, 1]), tf.zeros([1, 2]), [0, 1])
    np.testing.assert_array_equal(images, np.full([1, 2, 2, 1], (0 * 2 + 1) * 2 + 3))
    np.testing.assert_array_equal(labels, [[4, 4]])
    assert len(set(seeds)) == 2


@pytest.fixture(scope="module")
def digits():
    """A hundred images of 8x8 with labels 0 to 9."""
    whole = datasets.load("digits")
    train = datasets.Examples(whole.train.features[:100], whole.train.labels[:100], whole.train.ids[:100])
    return datasets.Dataset("digits", train, whole.validation, whole.test, whole.class_names)


@pytest.mark.parametrize("augmentation", AUGMENTATIONS, ids=lambda a: type(a).__name__)
@pytest.mark.daily("Compose", "CutMix")
def test_batches_are_a_function_of_epoch_and_step(digits, augmentation):
    def take(count, first_epoch=0):
        batches = pipeline.batches(digits, 50, augmentation, seed=3, first_epoch=first_epoch)
        stream = batches.train.take(count).as_numpy_iterator()
        return [(images.copy(), labels.copy()) for images, labels in stream], batches

    first, batches = take(4)
    for images, labels in first:
        assert (images.shape, images.dtype) == ((50, 8, 8, 1), "float32")
        assert np.isfinite(images).all()
        if augmentation in MIXES_LABELS:
            assert (labels.shape, labels.dtype) == ((50, 10), "float32")
            assert labels.min() >= 0
            np.testing.assert_allclose(labels.sum(1), 1, rtol=1e-5)
            assert ((labels > 0).sum(1) > 1).any()
        else:
            assert (labels.shape, labels.dtype) == ((50,), "int32")
    for one, other in zip(first[2:], take(2, first_epoch=1)[0], strict=True):
        np.testing.assert_array_equal(one[0], other[0])
        np.testing.assert_array_equal(one[1], other[1])
    plain = pipeline.batches(digits, 50)
    for name in ("validation", "test"):
        for one, other in zip(getattr(batches, name), getattr(plain, name), strict=True):
            np.testing.assert_array_equal(one[0], other[0])
            np.testing.assert_array_equal(one[1], other[1])


@pytest.mark.parametrize("augmentation", AUGMENTATIONS, ids=lambda a: type(a).__name__)
@pytest.mark.daily("Compose", "CutMix", "Cutout")
def test_equal_images_get_a_change_that_is_the_seeds(augmentation):
    """Augmentations are called without a pipeline, which would also change the order of examples."""
    images = np.repeat(noise_images(1, 8, 8, 1), 16, axis=0)
    images[::2] = 1 - images[::2]
    changes = set()
    for seed in ([0, 1], [0, 2]):
        augmented, labels = augmentation(tf.constant(images), tf.eye(16), seed)
        changes.add(augmented.numpy().tobytes() + labels.numpy().tobytes())
        again = augmentation(tf.constant(images), tf.eye(16), tf.constant(seed))
        np.testing.assert_array_equal(again[0], augmented)
        np.testing.assert_array_equal(again[1], labels)
    assert len(changes) == 2


@pytest.mark.parametrize("augmentation", AUGMENTATIONS[1:5], ids=lambda a: type(a).__name__)
@pytest.mark.daily("CutMix", "Mixup", "Cutout")
def test_a_narrow_dtype_policy_changes_nothing(augmentation):
    images, labels = tf.constant(noise_images(16, 8, 8, 3)), tf.eye(16)
    expected = augmentation(images, labels, [0, 1])
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        found = augmentation(images, labels, [0, 1])
    finally:
        keras.config.set_dtype_policy(before)
    for one, other in zip(found, expected, strict=True):
        assert one.dtype == tf.float32
        np.testing.assert_array_equal(one, other)


# Each augmentation with a loss, and all together with another; that soft labels mean the same to every loss is tested
# with the losses.
@pytest.mark.parametrize(
    ("build", "augmentation"),
    [
        *((losses.OnlineLabelSmoothing, augmentation) for augmentation in AUGMENTATIONS[:3] + AUGMENTATIONS[5:]),
        *((losses.LearnableLabelSmoothing, augmentation) for augmentation in AUGMENTATIONS[3:5]),
        (losses.LogisticNormal, AUGMENTATIONS[-1]),
    ],
    ids=lambda one: getattr(one, "__name__", type(one).__name__),
)
@pytest.mark.daily("LogisticNormal-Compose")
def test_losses_train_and_report_the_accuracy_of_untouched_data(digits, augmentation, build):
    keras.utils.set_random_seed(0)
    loss = build(10)
    layers = [keras.Input([8, 8, 1]), keras.layers.Flatten(), keras.layers.Dense(loss.num_outputs)]
    model = NoisyLabelClassifier(keras.Sequential(layers), loss)
    model.compile(keras.optimizers.Adam(0.02), metrics=["accuracy"], jit_compile=False)
    batches = pipeline.batches(digits, 50, augmentation)
    history = model.fit(
        batches.train, steps_per_epoch=12, epochs=2, shuffle=False, validation_data=batches.validation, verbose=0
    ).history
    assert history["loss"][1] < history["loss"][0]
    validation = digits.validation
    right = model.predict(validation.features, verbose=0).argmax(1) == validation.training_labels
    assert history["val_accuracy"][-1] == pytest.approx(right.mean())
    assert 0.1 < right.mean() < 1
    assert model.evaluate(batches.validation, verbose=0)[1] == pytest.approx(right.mean())


def test_settings_say_all_and_compare_by_value():
    assert repr(CropAndFlip()) == "CropAndFlip(pad=4, flip=True, size=None)"  # a part of what results go by
    assert repr(AUGMENTATIONS[-1]) == (
        "Compose(steps=(CropAndFlip(pad=1, flip=True, size=None), Mixup(alpha=0.5), CutMix(alpha=0.5)))"
    )
    assert repr(RandAugment()) == "RandAugment(num_ops=2, factor=0.5)"
    assert len({Mixup(0.2), Mixup(), Mixup(0.3), Cutout(), Cutout(0.5)}) == 3


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: CropAndFlip(pad=-1), ValueError, "`pad` must be at least 0"),
        (lambda: CropAndFlip(size=0), ValueError, "`size` must be at least 1"),
        (lambda: Cutout(0), ValueError, "`fraction` must be finite and above 0 and below 1. Received: 0"),
        (lambda: Cutout(1.0), ValueError, "`fraction` must be finite and above 0 and below 1. Received: 1"),
        (lambda: RandAugment(num_ops=0), ValueError, "`num_ops` must be at least 1"),
        (lambda: RandAugment(factor=0), ValueError, "`factor` must be finite and above 0 and at most 1"),
        (lambda: RandAugment(factor=1.1), ValueError, "`factor` must be finite and above 0 and at most 1"),
        (lambda: Mixup(0), ValueError, "`alpha` must be finite and above 0. Received: 0"),
        (lambda: Mixup(-0.2), ValueError, "`alpha` must be finite and above 0. Received: -0.2"),
        (lambda: Mixup("0.2"), TypeError, "`alpha` must be a number"),
        (lambda: CutMix(0.0), ValueError, "`alpha` must be finite and above 0 and at most 1. Received: 0"),
        (lambda: CutMix(1.5), ValueError, "`alpha` must be finite and above 0 and at most 1. Received: 1.5"),
        (lambda: Compose(Mixup()), TypeError, r"`steps` must be a tuple of augmentations. Received: Mixup\(alpha=0.2"),
        (lambda: Compose((Mixup,) + (3,)), TypeError, "`steps` must be a tuple of augmentations"),
    ],
)
def test_bad_settings(call, error, message):
    with pytest.raises(error, match=message):
        call()


@pytest.mark.parametrize("augmentation", AUGMENTATIONS, ids=lambda a: type(a).__name__)
def test_features_that_are_no_images_are_refused(augmentation):
    with pytest.raises(ValueError, match=r"`images` must have shape \[batch, height, width, channels\]. Received: \(3"):
        augmentation(tf.zeros([3, 2]), tf.eye(3), [0, 0])


@pytest.mark.parametrize("labels", [[0, 1, 2], [[0, 1, 0]] * 3, [0.0, 1.0, 0.0]])
@pytest.mark.parametrize("augmentation", [Mixup(), CutMix()])
def test_class_indices_cannot_be_mixed(augmentation, labels):
    message = r"`labels` must be distributions over classes, float \[batch, num_classes\]. .* Pass `tf.one_hot"
    with pytest.raises(ValueError, match=message):
        augmentation(tf.zeros([3, 2, 2, 1]), tf.constant(labels), [0, 0])


def test_a_crop_larger_than_the_padded_image_is_refused():
    with pytest.raises(ValueError, match="`images` must be at least 9"):
        CropAndFlip(pad=1, size=9)(tf.zeros([1, 6, 8, 1]), tf.eye(1), [0, 0])
