"""The README's recipe for unknown noise, with numbers: better than cross-entropy where the noise matters."""

import keras
import numpy as np
import pytest

from tfp_noise import NoisyLabelClassifier, datasets, estimation, losses, metrics, noise


@pytest.mark.parametrize(
    ("name", "epochs", "gain"),
    [("digits", 5, -0.02), pytest.param("digit_pairs", 10, 0.03, marks=pytest.mark.torture)],
)
@pytest.mark.thorough
def test_counting_confident_predictions_out_of_sample_and_training_again(name, epochs, gain):
    """On digits five epochs learn few wrong labels, so that there is little to gain; on pairs there is."""
    clean = datasets.load(name)
    num_classes = clean.num_classes
    data = noise.corrupt_dataset(clean, noise.symmetric(num_classes, 0.4), seed=0)
    keras.utils.set_random_seed(0)

    def trained(loss, examples):
        layers = [keras.layers.Flatten(), keras.layers.Dense(128, "relu"), keras.layers.Dense(num_classes)]
        model = NoisyLabelClassifier(keras.Sequential([keras.Input(data.input_shape), *layers]), loss)
        model.compile("adam")
        model.fit(examples.features, examples.observed, epochs=epochs, verbose=0)
        return model

    def accuracy(loss):
        predictions = trained(loss, data.train).predict(data.test.features, verbose=0)
        return metrics.accuracy(predictions, data.test.labels)

    def cross_entropy():
        return losses.CrossEntropy(num_classes)

    halves = [slice(0, None, 2), slice(1, None, 2)]
    probabilities = np.empty([len(data.train), num_classes], "float32")
    for predicted, learned in [halves, halves[::-1]]:
        model = trained(cross_entropy(), data.train.take(learned))
        probabilities[predicted] = model.predict(data.train.features[predicted], verbose=0)
    estimate = estimation.from_confident_counts(probabilities, data.train.observed)
    assert abs(np.diag(estimate.transition).mean() - np.diag(data.transition).mean()) < 0.12
    assert accuracy(losses.ForwardCorrection(num_classes, estimate)) > accuracy(cross_entropy()) + gain
