"""Losses on canvases whose digits have wrong labels: `python -m experiments.dense.measure`.

One JSON file a seed; what is there already is not measured again.
"""

import math

import keras
import numpy as np

from experiments.console import terminal
from experiments.dense import canvases
from experiments.evaluation import losses_by_seed
from tfp_noise import NoisyLabelClassifier, estimation, losses

EPOCHS, BATCH = 16, 16
_K = canvases.NUM_CLASSES
LOSSES = {
    "cross-entropy": lambda *_: losses.CrossEntropy(_K),
    "generalized cross-entropy": lambda *_: losses.GeneralizedCrossEntropy(_K),
    "symmetric cross-entropy": lambda *_: losses.SymmetricCrossEntropy(_K),
    "forward, transition known": lambda *_: losses.ForwardCorrection(_K, canvases.TRANSITION),
    "forward, estimated": lambda x, y: losses.ForwardCorrection(_K, estimated(x, y)),
}


def main():
    """Measures what the flags ask for."""
    losses_by_seed.measure(canvases.load, measured)


def measured(name, data, seed):
    """Scores of a loss, by its name in `LOSSES`."""
    x, y, test, true = data
    model = trained(LOSSES[name](x, y), x, y, seed)
    return scores(model.predict(test, verbose=0).argmax(axis=-1), true)


def network(num_outputs):
    """A small network from canvases of any size, which looks at quarters of the resolution and at the pixels."""
    inputs = keras.Input([None, None, 1])
    fine = convolution(16)(inputs)
    coarse = convolution(48)(keras.layers.MaxPooling2D()(fine))
    coarse = convolution(96)(keras.layers.MaxPooling2D()(convolution(48)(coarse)))
    both = keras.layers.Concatenate()([fine, keras.layers.UpSampling2D(4, interpolation="bilinear")(coarse)])
    return keras.Model(inputs, keras.layers.Conv2D(num_outputs, 1)(convolution(32, 1)(both)))


def convolution(filters, size=3):
    """A convolution with batch normalisation and ReLU."""
    layers = [keras.layers.Conv2D(filters, size, padding="same"), keras.layers.BatchNormalization(momentum=0.9)]
    return keras.Sequential([*layers, keras.layers.ReLU()])


def trained(loss, x, y, seed, build=network):
    """The network that `build` makes for a number of outputs, trained on canvases."""
    keras.utils.set_random_seed(seed)
    model = NoisyLabelClassifier(build(loss.num_outputs), loss)
    rate = keras.optimizers.schedules.CosineDecay(3e-3, EPOCHS * math.ceil(len(x) / BATCH))
    model.compile(keras.optimizers.Adam(rate), jit_compile=False)
    model.fit(x, y, batch_size=BATCH, epochs=EPOCHS, verbose=0)
    return model


def estimated(x, y):
    """The transition by the predictions for one half of the canvases of a network that was trained on the other."""
    half = len(x) // 2
    model = trained(losses.CrossEntropy(_K), x[:half], y[:half], seed=0)
    return estimation.from_confident_counts(model.predict(x[half:], verbose=0), y[half:]).transition


def scores(predicted, true):
    """Accuracy at the pixels of digits, and the mean over classes of intersection over union, as plain JSON."""
    union = [np.sum((predicted == k) | (true == k)) for k in range(_K)]
    common = [np.sum((predicted == k) & (true == k)) for k in range(_K)]
    return {
        "digit_pixels_right": round(float(np.mean(predicted[true > 0] == true[true > 0])), 4),
        "mean_iou": round(float(np.mean(np.array(common) / np.maximum(union, 1))), 4),
    }


if __name__ == "__main__":
    losses_by_seed.define_flags(LOSSES, "results/dense")
    terminal.start(main)
