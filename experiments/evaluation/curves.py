"""Accuracies during a training, by clean labels."""

import keras
import numpy as np

from experiments.evaluation import scores
from tfp_noise import metrics, pipeline

_POINTS = 25


class Curves(keras.callbacks.Callback):
    """Accuracy during training, at about 25 epochs: on clean test labels, and on training examples by their label.

    `train_accuracy_observed` counts the labels that are trained on, right and wrong; the other accuracies on training
    examples are those of `metrics.split_accuracy`, or `None` if nobody knows the true training labels.

    Args:
        data: a noisy `Dataset`; at most 5,000 training and 5,000 test examples of it are predicted, the same each time.
        epochs: int, how many epochs the training has.
    """

    def __init__(self, data, epochs):
        super().__init__()
        self.train = scores.sample(data.train)
        self.test = scores.sample(data.test)
        self.features = np.asarray(pipeline.to_float(np.concatenate([self.train.features, self.test.features])))
        self.every = -(-epochs // _POINTS)
        self.epochs = epochs
        self.history = {}

    def on_epoch_end(self, epoch, logs=None):
        del logs
        epoch += 1
        if epoch % self.every and epoch not in (1, self.epochs):
            return
        probabilities = self.model.predict(self.features, batch_size=scores.PREDICTION_BATCH, verbose=0)
        train, test = np.split(probabilities, [len(self.train)])
        point = {"epoch": epoch, "test_accuracy": metrics.accuracy(test, self.test.labels)}
        for name, value in scores.split_accuracy(train, self.train).items():
            point[f"train_{name}"] = value
        point["train_accuracy_observed"] = metrics.accuracy(train, self.train.training_labels)
        for name, value in point.items():
            self.history.setdefault(name, []).append(value)

    def get_state(self):
        return self.history

    def set_state(self, state):
        self.history = state
