"""Canvases with handwritten digits at random places, and a label at each pixel: the digit there, or none."""

import numpy as np

from tfp_noise import datasets, noise

SIZE, DIGITS, NUM_CLASSES = 24, 4, 11
TRAIN, TEST = 400, 200  # canvases
TRANSITION = np.eye(NUM_CLASSES)
TRANSITION[1:, 1:] = noise.pair_flip(10, 0.3)  # class 0 is the background
_INK = 0.25  # brighter pixels are those of the digit


def load(
    seed: int, train: int = TRAIN, test: int = TEST, transition: np.ndarray = TRANSITION
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Makes canvases of scikit-learn's digits, some with a wrong label.

    A digit with a wrong label has it at all of its pixels, as if somebody had taken it for another one.

    Args:
        seed: int, of places and of noise.
        train: int, the number of canvases for training, of the training digits.
        test: int, the number of canvases for testing, of the test digits.
        transition: float `[11, 11]`, the transition matrix of the labels; the background must stay the background.

    Returns:
        Canvases float32 `[train, 24, 24, 1]` and their given labels int `[train, 24, 24]`; canvases for testing, and
        their true labels.
    """
    data = datasets.load("digits", validation_share=0.0)
    rng = np.random.default_rng(seed)
    given = noise.corrupt(data.train.labels, transition[1:, 1:], seed)
    learned, labels = _draw(data.train.inputs, given, train, rng)
    return learned, labels, *_draw(data.test.inputs, data.test.labels, test, rng)


def _draw(images, labels, count, rng):
    """`count` canvases of four quarters, each with a digit at a random place in it."""
    half, digit = SIZE // 2, images.shape[1]
    canvases, classes = np.zeros([count, SIZE, SIZE, 1], np.float32), np.zeros([count, SIZE, SIZE], np.int64)
    chosen = rng.integers(0, len(images), [count, DIGITS])
    shifts = rng.integers(0, half - digit + 1, [count, DIGITS, 2])
    for i in range(count):
        for quarter, (one, shift) in enumerate(zip(chosen[i], shifts[i], strict=True)):
            top, left = half * np.array(divmod(quarter, 2)) + shift
            place = i, slice(top, top + digit), slice(left, left + digit)
            canvases[place] = images[one]
            classes[place] = np.where(images[one][..., 0] > _INK, labels[one] + 1, 0)
    return canvases, classes
