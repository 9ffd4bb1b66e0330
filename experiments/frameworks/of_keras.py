"""Training speed of one network: `python -m experiments.frameworks.of_keras NAME BATCH SECONDS`.

It is that on the cores of the process. Prints JSON: images a second, the number of trainable parameters, and the
versions of the libraries.
"""

import json
import sys
import time

import keras
import numpy as np
import tensorflow as tf

import models
from tfp_noise import NoisyLabelClassifier, losses

SHAPES = {"lenet5": (28, 28, 1), "resnet8": (32, 32, 3), "resnet32": (32, 32, 3), "wrn28_2": (32, 32, 3)}
_STEPS = {"lenet5": 40, "resnet8": 10, "resnet32": 4, "wrn28_2": 2}  # in a call; seconds at most


class _Clock(keras.callbacks.Callback):
    """Ends training after some seconds, and keeps when each call of the compiled function ended."""

    def __init__(self, seconds):
        super().__init__()
        self._seconds, self.ends = seconds, []

    def on_train_batch_end(self, batch, logs=None):
        del batch, logs
        self.ends.append(time.perf_counter())
        self.model.stop_training = self.ends[-1] - self.ends[0] > self._seconds


def speed(name, batch, seconds):
    """Return images a second in the median call, and the network's trainable parameters; a batch is in memory already.

    Args:
        name: a key of `SHAPES`.
        batch: int, images a step.
        seconds: float, for how long to train after the first call of the compiled function.
    """
    rng = np.random.default_rng(0)
    examples = rng.random((batch, *SHAPES[name]), "float32"), rng.integers(0, 10, batch)
    network, clock = models.build(name, SHAPES[name], 10), _Clock(seconds)
    model = NoisyLabelClassifier(network, losses.CrossEntropy(10))
    model.compile(keras.optimizers.SGD(0.01, momentum=0.9), steps_per_execution=_STEPS[name], jit_compile=False)
    data = tf.data.Dataset.from_tensors(examples).repeat()
    model.fit(data, steps_per_epoch=10**6, shuffle=False, verbose=0, callbacks=[clock])
    parameters = sum(int(np.prod(weight.shape)) for weight in network.trainable_weights)
    return batch * _STEPS[name] / float(np.median(np.diff(clock.ends))), parameters


def main():
    """Print the speed of the network in the arguments."""
    name, batch, seconds = sys.argv[1:]
    images, parameters = speed(name, int(batch), float(seconds))
    versions = f"TensorFlow {tf.__version__}, Keras {keras.__version__}"
    sys.stdout.write(json.dumps({"images": images, "parameters": parameters, "versions": versions}) + "\n")


if __name__ == "__main__":
    main()
