"""Features of images that are learned without labels, so that no wrong label can be memorised in them."""

import numpy as np
from sklearn import cluster, decomposition, preprocessing

_SIZE, _STRIDE, _PATCHES, _WORDS, _COMPONENTS = 6, 2, 40_000, 256, 128
_BATCH, _SEED = 500, 0


def patch_features(images: np.ndarray) -> np.ndarray:
    """Features of whitened patches by k-means.

    Each patch of 6 x 6 pixels is brought to mean 0 and scale 1 and whitened. Its activation for one of 256 centroids is
    `max(mean distance to all - distance to this one, 0)`. The sums over the four quadrants of the image are
    standardised, and their 128 first principal components are the features, brought to scale 1 all together.

    Args:
        images: uint8 `[n, height, width, channels]`.

    Returns:
        float32 `[n, 128]`.

    References:
        Coates, Ng, Lee, "An analysis of single-layer networks in unsupervised feature learning", 2011, section 3.
        Departures: 256 centroids, stride 2, and principal components, for speed.
    """
    every = _windows(images, 1)
    rng = np.random.default_rng(_SEED)
    example, row, column = (rng.integers(0, size, _PATCHES) for size in every.shape[:3])
    patches = _scaled(every[example, row, column])
    whitening = decomposition.PCA(0.99, whiten=True, random_state=_SEED).fit(patches)
    words = cluster.MiniBatchKMeans(_WORDS, batch_size=4096, n_init=3, random_state=_SEED)
    words.fit(whitening.transform(patches))
    parts = [_pooled(images[at : at + _BATCH], whitening, words) for at in range(0, len(images), _BATCH)]
    sums = preprocessing.scale(np.concatenate(parts).astype(np.float64))  # scikit-learn warns of means in float32
    components = decomposition.PCA(_COMPONENTS, random_state=_SEED).fit_transform(sums)
    return (components / components.std()).astype(np.float32)


def _pooled(images, whitening, words):
    windows = _windows(images, _STRIDE)
    distances = words.transform(whitening.transform(_scaled(windows.reshape(-1, *windows.shape[3:]))))
    activations = np.maximum(distances.mean(axis=1, keepdims=True) - distances, 0)
    activations = activations.reshape(*windows.shape[:3], -1)
    halves = [(slice(size // 2), slice(size // 2, None)) for size in windows.shape[1:3]]
    quadrants = [activations[:, rows, columns].sum(axis=(1, 2)) for rows in halves[0] for columns in halves[1]]
    return np.concatenate(quadrants, axis=1).astype(np.float32)


def _windows(images, stride):
    """View `[n, rows, columns, channels, 6, 6]` of the patches."""
    windows = np.lib.stride_tricks.sliding_window_view(images, (_SIZE, _SIZE), axis=(1, 2))
    return windows[:, ::stride, ::stride]


def _scaled(patches):
    """Patches with mean 0 and variance 1; 10 is added to the variance, as in the paper, to leave flat ones flat."""
    rows = patches.reshape(len(patches), -1).astype(np.float32)
    return (rows - rows.mean(axis=1, keepdims=True)) / np.sqrt(rows.var(axis=1, keepdims=True) + 10)
