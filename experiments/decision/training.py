"""Training of one small network with one loss, scored after each epoch."""

import time

import keras
import numpy as np

from tfp_noise import NoisyLabelClassifier, cross_predict, pipeline

_LEARNING_RATE = 2e-3


def scores(data, loss, task, seed):
    """Accuracies of a network of one hidden layer that was trained with a loss.

    Args:
        data: noisy `Dataset`.
        loss: a `NoisyLabelLoss`.
        task: the `ComparedSet`.
        seed: int, of weights and order.

    Returns:
        A dict: "last" and "best", accuracies on clean test labels after the last epoch, and after the first of those
        with the highest accuracy on given validation labels; "validation" and "best_validation", the latter accuracies
        after the same epochs; "seconds", the processor's time for the epochs but the first, which compiles.
    """
    batches = pipeline.batches(data, task.batch_size, seed=seed)
    keras.utils.set_random_seed(seed)
    model, seen = _classifier(data, loss, batches.steps_per_execution), _Accuracies(data)
    model.fit(
        batches.train,
        steps_per_epoch=batches.steps_per_epoch,
        epochs=task.epochs,
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


def transition_of(data):
    """The matrix that given labels were drawn from or counted by; the identity without noise."""
    return np.eye(data.num_classes) if data.transition is None else data.transition


def _classifier(data, loss, steps_per_execution):
    layers = [keras.layers.Dense(128, activation="relu"), keras.layers.Dense(loss.num_outputs)]
    model = NoisyLabelClassifier(keras.Sequential([keras.Input(data.input_shape), *layers]), loss)
    model.compile(keras.optimizers.Adam(_LEARNING_RATE), jit_compile=False, steps_per_execution=steps_per_execution)
    return model


class _Accuracies(keras.callbacks.Callback):
    """Accuracies on given validation labels and on clean test labels after each epoch."""

    def __init__(self, data):
        super().__init__()
        self.data = data
        self.validation, self.test, self.seconds, self._since = [], [], 0.0, None

    def on_epoch_end(self, epoch, logs=None):
        now = time.process_time()
        if self._since is not None:
            self.seconds += now - self._since
        examples = self.data.validation, self.data.test
        outputs = self.model.network(np.concatenate([one.features for one in examples]), training=False)
        predicted = np.argmax(self.model.loss.probabilities(outputs), axis=1)
        validation, test = np.split(predicted, [len(examples[0])])
        self.validation.append(float(np.mean(validation == examples[0].training_labels)))
        self.test.append(float(np.mean(test == examples[1].labels)))
        self._since = time.process_time()
