"""Trains on a made-up stream, and prints how much memory the process holds each twelfth of the way, in MiB.

`python -m tests.helpers.stream_memory SIZE`
"""

import sys

import keras
import tensorflow as tf

from tfp_noise import NoisyLabelClassifier, losses, noise, pipeline

BATCH_SIZE = 250
PARTS = 12


def example(number):
    """A random image with a label, as a function of its number."""
    image = tf.random.stateless_uniform([32, 32, 3], [0, number], 0, 256, tf.int32)
    return tf.cast(image, tf.uint8), number % 10, number


def resident():
    """The resident memory of this process in MiB."""
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmRSS")) / 1024


class Report(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        print(resident(), flush=True)  # noqa: T201


def main(size):
    source = tf.data.Dataset.range(size).map(example, tf.data.AUTOTUNE)
    batches = pipeline.stream(source, noise.symmetric(10, 0.4), BATCH_SIZE, augmentation=pipeline.CropAndFlip())
    network = keras.Sequential([keras.Input([32, 32, 3]), keras.layers.Flatten(), keras.layers.Dense(10)])
    model = NoisyLabelClassifier(network, losses.LearnableLabelSmoothing(10))
    model.compile(keras.optimizers.SGD(1e-3), metrics=["accuracy"], steps_per_execution=20, jit_compile=False)
    steps = size // PARTS // BATCH_SIZE
    model.fit(batches, steps_per_epoch=steps, epochs=PARTS, verbose=0, callbacks=[Report()])


if __name__ == "__main__":
    main(int(sys.argv[1]))
