"""A reconstruction of the authors' training on MNIST: `python -m experiments.reconstruction.measure --seeds=0,1,2`.

No loss and no classifier of `tfp_noise` trains here: the likelihood is assembled from TFP's distributions and
bijectors, as the paper's appendix D says, and Keras 2 has layers, their initial weights, the order of examples, and
Adam. Images, split and given labels are those of the experiment with the same seed, and so do not differ. One JSON file
a seed; what is there already is not trained again.
"""

import json
import pathlib
import re

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp
import tf_keras
from absl import flags
from scipy.special import softmax

from experiments import papers, results
from experiments.console import shared_flags, terminal
from experiments.evaluation import scores
from tfp_noise import metrics, pipeline
from tfp_noise._training.training_facts import described

EXPERIMENT = "LN/table1/mnist-lenet5_same/asymmetric40/LN"
_LAYERS, _STEPS = tf_keras.layers, 40


def main():
    """Train the seeds of the flags that have no file."""
    folder = pathlib.Path(flags.FLAGS.results)
    for seed in shared_flags.check_seeds(flags.FLAGS.seeds):
        experiment, path = papers.find(EXPERIMENT).with_seed(seed), folder / f"training-{seed}.json"
        if path.exists():
            read(path)
            continue
        found = {"settings": _settings(experiment), **trained(experiment, flags.FLAGS.data_dir)}
        results.write_json(path, {**found, "made_by": results.made_by()})
        terminal.console().print(f"{path}: clean test accuracy {found['scores']['test_accuracy']:.2%}")


def read(path):
    """Return a stored training.

    Args:
        path: `pathlib.Path` of its file.

    Raises:
        ValueError: if the file is torn, or holds a training of another seed or of other settings.
    """
    found, named = results.read_measured(path), re.fullmatch(r"training-(\d+)\.json", path.name)
    if not named or found.get("settings") != _settings(papers.find(EXPERIMENT).with_seed(int(named[1]))):
        raise ValueError(
            f"{path} must hold a training with today's settings and the seed of its name. Received: "
            f"{found.get('settings')}. Move it out of the folder, and train again."
        )
    return found


def _settings(experiment):
    """The settings that a training depends on, as JSON has them."""
    found = {name: getattr(experiment, name) for name in ("name", "model", "epochs", "batch_size", "optimizer", "seed")}
    return json.loads(json.dumps({**found, "arguments": dict(experiment.method.arguments)}))


def trained(experiment, data_dir=None):
    """Train as an experiment with Logistic-Normal says, by TFP and Keras 2.

    Args:
        experiment: an `Experiment` of Table 1 with the network "lenet5_same", whose optimizer is Adam.
        data_dir: where TensorFlow Datasets keeps its data; its own default if `None`.

    Returns:
        A dict: "data", size and digest of the images and given labels, as in a run's result; "scores", at the end: the
        accuracy on clean test labels over the real classes, with the dummy class among them as the authors count, and
        the fraction of the wrong training labels that are predicted, of a sample; "curves", the first and the last of
        these after each epoch.
    """
    noisy = experiment.noisy_data(data_dir)
    tf_keras.utils.set_random_seed(experiment.seed)
    model = network(noisy.input_shape, noisy.num_classes)
    model.compile(
        tf_keras.optimizers.legacy.Adam(**experiment.optimizer[1]),
        likelihood(noisy.num_classes, **experiment.method.arguments),
        steps_per_execution=_STEPS,
    )
    curves = _Curves(noisy)
    features = np.asarray(pipeline.to_float(noisy.train.features))
    model.fit(
        features,
        noisy.train.training_labels,
        batch_size=experiment.batch_size,
        epochs=experiment.epochs,
        callbacks=[curves],
        verbose=0,
    )
    tf_keras.backend.clear_session()
    return {
        "data": described((noisy.train.features, noisy.train.training_labels)),
        "scores": {name: values[-1] for name, values in curves.history.items()},
        "curves": {name: curves.history[name] for name in ("test_accuracy", "memorised")},
    }


def likelihood(num_classes, temperature, min_scale, target_smoothing):
    """Return a loss of Keras 2: labels `[B]` and outputs `[B, 2 K]`, the mean beside the column of the scale.

    Args:
        num_classes: int, K, without the dummy class.
        temperature: float, the paper's tau.
        min_scale: float, the paper's lambda.
        target_smoothing: float, the paper's t.
    """
    tfd, tfb = tfp.distributions, tfp.bijectors

    def negative_log_likelihood(labels, outputs):
        loc, column = tf.split(outputs, 2, axis=-1)
        normal = tfd.MultivariateNormalDiagPlusLowRank(
            loc, scale_diag=tf.fill(tf.shape(loc), min_scale), scale_perturb_factor=column[..., tf.newaxis]
        )
        simplex = tfb.Chain([tfb.SoftmaxCentered(), tfb.Scale(1 / temperature)])
        one_hot = tf.one_hot(tf.cast(tf.reshape(labels, [-1]), tf.int32), num_classes + 1)
        target = (1 - target_smoothing) * one_hot + target_smoothing / (num_classes + 1)
        return -tfd.TransformedDistribution(normal, simplex).log_prob(target)

    return negative_log_likelihood


def network(input_shape, num_classes):
    """Return the network of the authors' code, with two linear layers at its end, a `tf_keras.Model`."""
    inputs = tf_keras.Input(input_shape)
    x = inputs
    for filters in (6, 16):
        x = _LAYERS.Conv2D(filters, 5, padding="same", activation="relu")(x)
        x = _LAYERS.MaxPooling2D()(x)
    x = _LAYERS.Conv2D(120, 5, padding="same", activation="relu")(x)
    x = _LAYERS.Dense(84, activation="relu")(_LAYERS.Flatten()(x))
    heads = [_LAYERS.Dense(num_classes)(x), _LAYERS.Dense(num_classes)(x)]
    return tf_keras.Model(inputs, _LAYERS.Concatenate()(heads))


class _Curves(tf_keras.callbacks.Callback):
    def __init__(self, data):
        super().__init__()
        self.num_classes = data.num_classes
        self.test, self.train = data.test, scores.sample(data.train)
        self.history = {"test_accuracy": [], "test_accuracy_with_dummy_class": [], "memorised": []}

    def on_epoch_end(self, epoch, logs=None):
        test, train = self._logits(self.test.features), self._logits(self.train.features)
        point = {
            "test_accuracy": metrics.accuracy(softmax(test[:, :-1], axis=1), self.test.labels),
            "test_accuracy_with_dummy_class": metrics.accuracy(softmax(test, axis=1), self.test.labels),
            "memorised": scores.split_accuracy(softmax(train[:, :-1], axis=1), self.train)["accuracy_mislabelled"],
        }
        for name, value in point.items():
            self.history[name].append(value)

    def _logits(self, features):
        """The means of the logits, with that of the dummy class, the reference, at the end."""
        outputs = self.model.predict(pipeline.to_float(features), batch_size=scores.PREDICTION_BATCH, verbose=0)
        return np.pad(outputs[:, : self.num_classes], [(0, 0), (0, 1)])


if __name__ == "__main__":
    flags.DEFINE_list("seeds", "0,1,2,3,4", "Seeds of labels, initial weights and order.")
    flags.DEFINE_string("results", "results/reconstruction", "Folder for results.")
    shared_flags.define_data_dir()
    terminal.start(main)
