"""Real digits with wrong labels, five methods, one table: `python -m experiments.demo`.

Cross-entropy, label smoothing, backward and forward correction (given the true transition matrix) and Logistic-Normal
train on scikit-learn's 8x8 digits under 40 % symmetric noise and under 40 % noise to the next class.
"""

import os
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from absl import app, flags
from rich.console import Console

from experiments import report
from experiments.experiment import CROSS_ENTROPY, TRUE_TRANSITION, Experiment, Method, Noise
from experiments.run import run
from tfp_noise import losses

_METHODS = [
    CROSS_ENTROPY,
    Method("LS", losses.LabelSmoothing, {"alpha": 0.4}),
    Method("BC", losses.BackwardCorrection, {"transition": TRUE_TRANSITION}),
    Method("FC", losses.ForwardCorrection, {"transition": TRUE_TRANSITION}),
    Method("LN", losses.LogisticNormal, {"temperature": 0.5, "min_scale": 0.5}),
]

EXPERIMENTS = [
    Experiment(
        name=f"digits/{noise.kind}{round(100 * noise.rate)}/{method.label}",
        dataset="digits",
        noise=noise,
        model="digits_cnn",
        method=method,
        epochs=100,
        batch_size=64,
        optimizer=("Adam", {"learning_rate": 1e-3}),
    )
    for noise in (Noise("symmetric", 0.4), Noise("pair_flip", 0.4))
    for method in _METHODS
]


_TITLE = "Real digits under label noise: accuracy in percent on clean test labels, and on the training set by its label"


def main(_):
    """Runs all ten, prints the table, draws the figures."""
    console, workdir, started = Console(), flags.FLAGS.workdir, time.monotonic()
    results = []
    try:
        for experiment in EXPERIMENTS:
            results.append(run(experiment, workdir))
            scores = results[-1]["scores"]
            console.print(f"{experiment.name}: clean test accuracy {scores['test_accuracy']:.1%}", highlight=False)
    except KeyboardInterrupt:
        console.print(f"Interrupted: {len(results)} finished runs are kept in {workdir}; the same command goes on.")
    if results:
        report.refresh(workdir)
        console.print(report.table(results, title=_TITLE))
        console.print(f"{time.monotonic() - started:.0f} s. Table and figures: {workdir}/", highlight=False)


if __name__ == "__main__":
    flags.DEFINE_string("workdir", "runs/demo", "Folder for results; finished runs in it are not repeated.")
    app.run(main)
