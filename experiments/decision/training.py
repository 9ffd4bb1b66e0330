"""Training of a small network with one loss, scored ten times on its way, and repeated without a new compilation.

What Keras calls an epoch is a tenth of the training here, because an epoch costs more than the steps of a small table.
Online label smoothing renews its targets as often.
"""

import time

import keras
import numpy as np
import tensorflow as tf

from tfp_noise import NoisyLabelClassifier, cross_predict, pipeline

_LEARNING_RATE = 5e-3
_PERIODS = 10


class Trainer:
    """A network of two hidden layers that is trained with one loss, each time from new weights.

    TensorFlow takes longer to compile a step than to train on a small table. One trainer compiles once for all seeds,
    and before each training gives every variable the value that it would have in a new model.

    Args:
        data: noisy `Dataset`; the others that it trains on must have as many examples.
        loss: a `NoisyLabelLoss`.
        task: the `ComparedSet`.
    """

    def __init__(self, data, loss, task):
        self.task = task
        self._steps = pipeline.batches(data, task.batch_size).steps_per_epoch * task.epochs // _PERIODS
        self.model = _classifier(data, loss, self._steps)
        self.model.optimizer.build(self.model.trainable_variables)
        self._predicted = tf.function(self._classes, reduce_retracing=True)
        self._start = [np.array(variable) for variable in self._variables()]

    def scores(self, data, seed):
        """Train, and return accuracies.

        Args:
            data: noisy `Dataset`.
            seed: int, of weights and order.

        Returns:
            A dict: "last" and "best", accuracies on clean test labels at the end, and at the first of ten times
            with the highest accuracy on given validation labels; "validation" and "best_validation", the latter
            accuracies at the same times; "seconds", the processor's time for the last nine tenths.
        """
        self._restart(seed)
        batches = pipeline.batches(data, self.task.batch_size, seed=seed, with_ids=self.model.loss.needs_ids)
        seen = _Accuracies(data, self._predicted)
        self.model.fit(
            batches.train,
            steps_per_epoch=self._steps,
            epochs=_PERIODS,
            shuffle=False,
            callbacks=[seen],
            verbose=0,
        )
        best = int(np.argmax(seen.validation))
        return {
            "last": round(seen.test[-1], 4),
            "best": round(seen.test[best], 4),
            "validation": round(seen.validation[-1], 4),
            "best_validation": round(seen.validation[best], 4),
            "seconds": round(seen.seconds, 2),
        }

    def _classes(self, features):
        """Predicted classes `[n]`."""
        outputs = self.model.network(features, training=False)
        return keras.ops.argmax(self.model.loss.probabilities(outputs), axis=1)

    def _restart(self, seed):
        keras.utils.set_random_seed(seed)
        network = _network(self.model.network.input_shape[1:], self.model.loss.num_outputs)
        for variable, value in zip(self._variables(), self._start, strict=True):
            variable.assign(value)
        self.model.network.set_weights(network.get_weights())

    def _variables(self):
        random = self.model.loss.seed_generator
        return [*self.model.variables, *self.model.optimizer.variables, *([random.state] if random else [])]


def out_of_sample(data, loss, task, seed):
    """Predictions for the training examples by networks that were trained on the other half of them, `[n, K]`."""
    return cross_predict(
        lambda: _classifier(data, loss(data.num_classes), 1),
        data.train.features,
        data.train.training_labels,
        folds=2,
        epochs=max(task.epochs // 4, 5),
        batch_size=task.batch_size,
        seed=seed,
        verbose=0,
    )


def _network(input_shape, num_outputs):
    hidden = [keras.layers.Dense(128, activation="relu") for _ in range(2)]
    return keras.Sequential([keras.Input(input_shape), *hidden, keras.layers.Dense(num_outputs)])


def _classifier(data, loss, steps_per_execution):
    model = NoisyLabelClassifier(_network(data.input_shape, loss.num_outputs), loss)
    model.compile(keras.optimizers.Adam(_LEARNING_RATE), jit_compile=False, steps_per_execution=steps_per_execution)
    return model


class _Accuracies(keras.callbacks.Callback):
    """Accuracies on given validation labels and on clean test labels after each tenth of the training."""

    def __init__(self, data, predicted):
        super().__init__()
        self.predicted, self.examples = predicted, (data.validation, data.test)
        self.features = tf.constant(np.concatenate([one.features for one in self.examples]))
        self.validation, self.test, self.seconds, self._since = [], [], 0.0, None

    def on_epoch_end(self, epoch, logs=None):
        now = time.process_time()
        if self._since is not None:
            self.seconds += now - self._since
        held_out, clean = self.examples
        validation, test = np.split(self.predicted(self.features).numpy(), [len(held_out)])
        self.validation.append(float(np.mean(validation == held_out.training_labels)))
        self.test.append(float(np.mean(test == clean.labels)))
        self._since = time.process_time()
