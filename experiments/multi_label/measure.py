"""Losses on digits whose attributes are wrong in part: `python -m experiments.multi_label.measure`.

One JSON file a seed; what is there already is not measured again.
"""

import keras
import numpy as np
from sklearn import metrics

from experiments.console import terminal
from experiments.evaluation import losses_by_seed
from experiments.multi_label import attributes
from tfp_noise import NoisyLabelClassifier, estimation, losses

EPOCHS, BATCH = 40, 64
_L = attributes.NUM_LABELS
LOSSES = {
    "binary cross-entropy": lambda *_: losses.CrossEntropy(2),
    "generalized cross-entropy": lambda *_: losses.GeneralizedCrossEntropy(2),
    "symmetric cross-entropy": lambda *_: losses.SymmetricCrossEntropy(2),
    "Logistic-Normal": lambda *_: losses.LogisticNormal(2),
    "Logistic-Normal (0.5, 0.5)": lambda *_: losses.LogisticNormal(2, temperature=0.5),
    "Logistic-Normal (0.5, 1)": lambda *_: losses.LogisticNormal(2, temperature=0.5, min_scale=1.0),
    "forward, transition known": lambda *_: losses.ForwardCorrection(2, attributes.TRANSITION),
    "forward, estimated": lambda x, y: [losses.ForwardCorrection(2, one) for one in estimated(x, y)],
}


def main():
    """Measures what the flags ask for."""
    losses_by_seed.measure(attributes.load, measured)


def measured(name, data, seed):
    """Scores of a loss, by its name in `LOSSES`."""
    x, y, test, true = data
    model = trained(LOSSES[name](x, y), x, y, seed)
    return scores(model.predict(test, verbose=0), true)


def trained(loss, x, y, seed):
    """A network of one hidden layer, trained with a loss of two classes for each label."""
    keras.utils.set_random_seed(seed)
    loss = losses.MultiLabel(loss, _L)
    layers = [keras.layers.Dense(128, activation="relu"), keras.layers.Dense(loss.num_outputs)]
    model = NoisyLabelClassifier(keras.Sequential([keras.Input(x.shape[1:]), *layers]), loss)
    model.compile(keras.optimizers.Adam(2e-3), jit_compile=False, steps_per_execution=10)
    model.fit(x, y, batch_size=BATCH, epochs=EPOCHS, verbose=0)
    return model


def estimated(x, y):
    """A transition a label, by predictions for each half of the digits by a network trained on the other."""
    halves, p = [slice(0, None, 2), slice(1, None, 2)], np.empty(y.shape)
    for predicted, learned in [halves, halves[::-1]]:
        model = trained(losses.CrossEntropy(2), x[learned], y[learned], seed=0)
        p[predicted] = model.predict(x[predicted], verbose=0)
    rows = np.stack([1 - p, p], axis=-1)
    return [estimation.from_confident_counts(rows[:, label], y[:, label]).transition for label in range(_L)]


def scores(p, true):
    """Means over labels of accuracy, F1 and the area under the ROC curve, as plain JSON."""
    found = {
        "labels_right": np.mean((p > 0.5) == true),
        "f1": metrics.f1_score(true, p > 0.5, average="macro"),
        "auroc": metrics.roc_auc_score(true, p),
    }
    return {name: round(float(value), 4) for name, value in found.items()}


if __name__ == "__main__":
    losses_by_seed.define_flags(LOSSES, "results/multi_label")
    terminal.start(main)
