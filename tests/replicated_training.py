"""A short training of each kind of loss, to be run on one device, on replicas, and in worker processes.

As a script it is one worker of the cluster in TF_CONFIG: `python -m tests.replicated_training FILE WORKER_THAT_DIES`.
"""

import json
import os
import pathlib
import signal
import sys

import keras
import numpy as np
import tensorflow as tf

from tfp_noise import NoisyLabelClassifier, losses

K = 5
BATCH = 24
RNG = np.random.default_rng(0)
FEATURES = RNG.normal(size=(120, 6)).astype("float32")
LABELS = np.where(RNG.random(120) < 0.7, FEATURES[:, :K].argmax(1), RNG.integers(0, K, 120)).astype("int32")
LOSSES = {
    "CE": lambda _: losses.LabelSmoothing(K, alpha=0.0),
    "LN": lambda _: losses.LogisticNormal(K),
    "OLS": lambda _: losses.OnlineLabelSmoothing(K),
    "OLS, 2 entries, every third step": lambda _: losses.OnlineLabelSmoothing(K, top=2, update_period=3),
    "LLS": lambda _: losses.LearnableLabelSmoothing(K),
    "Het": lambda seed: losses.Heteroscedastic(K, train_samples=50, test_samples=50, seed=seed),
}


def classifier(name, seed=0):
    keras.utils.set_random_seed(seed)
    loss = LOSSES[name](seed)
    normalised = keras.layers.BatchNormalization(synchronized=True)
    start = keras.initializers.GlorotUniform(seed=1)  # the same for all seeds
    layers = [keras.layers.Dense(8, "relu", kernel_initializer=start), normalised, keras.layers.Dense(loss.num_outputs)]
    layers[-1].kernel_initializer = start
    model = NoisyLabelClassifier(keras.Sequential([keras.Input([6]), *layers]), loss)
    model.compile(keras.optimizers.SGD(0.02, momentum=0.9), metrics=["accuracy"], jit_compile=False)
    return model


def batches(features, labels):
    """In order; every worker makes whole batches, and takes its part of each."""
    options = tf.data.Options()
    options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.DATA
    return tf.data.Dataset.from_tensor_slices((features, labels)).batch(BATCH).with_options(options)


def train(strategy, name, seed=0, **kwargs):
    """History of three epochs and the weights after them, as plain JSON."""
    with strategy.scope():
        model = classifier(name, seed)
    history = model.fit(batches(FEATURES, LABELS), epochs=3, shuffle=False, verbose=0, **kwargs).history
    return history | {f"weight {i}": weight.numpy().tolist() for i, weight in enumerate(model.weights)}


def judge(strategy, name):
    """What predictions and evaluation say of 100 examples, whose last batch is an odd one."""
    with strategy.scope():
        model = classifier(name)
    scores = model.evaluate(FEATURES[:100], LABELS[:100], batch_size=BATCH, verbose=0, return_dict=True)
    return scores | {"predictions": model.predict(batches(FEATURES[:100], LABELS[:100]), verbose=0).tolist()}


class Die(keras.callbacks.Callback):
    """As if somebody had pulled the plug."""

    def on_train_batch_end(self, batch, logs=None):
        if self.model.optimizer.iterations == 7:
            os.kill(os.getpid(), signal.SIGKILL)


def main(path, worker_that_dies):
    """Writes what each training gives, whole, and goes on with one in which a worker dies."""
    strategy = tf.distribute.MultiWorkerMirroredStrategy()
    results = {name: train(strategy, name) for name in LOSSES} | {"judged": judge(strategy, "LN")}
    pathlib.Path(path).write_text(json.dumps(results))
    dies = strategy.cluster_resolver.task_id == int(worker_that_dies)
    train(strategy, "OLS", callbacks=[Die()] if dies else [])


if __name__ == "__main__":
    main(*sys.argv[1:])
