"""Runs one experiment: `python -m experiments.run --experiment=NAME --seed=0 --workdir=DIR`."""

import dataclasses
import os
import sys
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import tensorflow as tf
from absl import app, flags
from rich.console import Console

import models
from experiments import evaluation, papers, progress, report
from tfp_noise import NoisyLabelClassifier, datasets, pipeline

# A process that trains several models builds a prediction function for each: no reason to warn of retracing.
tf.get_logger().setLevel("ERROR")


def run(experiment, workdir, data_dir=None):
    """Trains and evaluates one experiment; a finished one with the same settings is read, not repeated.

    Args:
        experiment: an `Experiment`.
        workdir: folder for results; this one's is `workdir/experiment.name`.
        data_dir: where TensorFlow Datasets keeps its data; its own default if `None`.

    Returns:
        The result, as `report.write` stores it.
    """
    finished = report.find(experiment, workdir)
    if finished:
        return finished
    started = time.monotonic()
    keras.utils.set_random_seed(experiment.seed)
    data = datasets.load(experiment.dataset, data_dir=data_dir)
    noisy = experiment.noise.apply(data, experiment.seed)
    batches = pipeline.batches(noisy, experiment.batch_size, experiment.augmentation, experiment.seed)
    loss = experiment.method.build(noisy)
    network = models.build(experiment.model, data.input_shape, loss.num_outputs)
    model = NoisyLabelClassifier(network, loss)
    model.compile(
        experiment.build_optimizer(),
        metrics=["accuracy"],
        steps_per_execution=batches.steps_per_execution,
        jit_compile=False,  # XLA halves the speed of convolutions on CPUs
    )
    curves = evaluation.Curves(noisy, experiment.epochs)
    bar = progress.Bar(f"{experiment.name} seed {experiment.seed}", experiment.epochs)
    model.fit(
        batches.train, steps_per_epoch=batches.steps_per_epoch, epochs=experiment.epochs, shuffle=False,
        callbacks=[curves, bar, keras.callbacks.TerminateOnNaN()], verbose=0,
    )  # fmt: skip
    scores, probabilities = evaluation.evaluate(model, noisy)
    return report.write(
        experiment,
        workdir,
        scores={**scores, "train_effective_noise_rate": noisy.effective_rate},
        curves=curves.history,
        loss=loss.get_config(),
        probabilities=probabilities,
        data=noisy,
        seconds=time.monotonic() - started,
    )


def main(_):
    """Runs what the flags say and prints its row of the table."""
    args = flags.FLAGS
    console = Console()
    try:
        experiment = dataclasses.replace(papers.find(args.experiment), seed=args.seed)
        result = run(experiment.smoke() if args.smoke else experiment, args.workdir, args.data_dir)
    except (ValueError, FileNotFoundError) as error:
        console.print(f"[red]{type(error).__name__}:[/red] {error}", highlight=False)
        sys.exit(1)
    except KeyboardInterrupt:
        console.print("Interrupted: this run left nothing behind; finished ones are intact.")
        sys.exit(130)
    report.refresh(args.workdir)
    console.print(report.table([result]))


def _define_flags():
    flags.DEFINE_string("experiment", None, "Name of an experiment; a wrong one lists the near ones.", required=True)
    flags.DEFINE_integer("seed", 0, "Seed of initialisation, noise, order and augmentation.", lower_bound=0)
    flags.DEFINE_string("workdir", "runs", "Folder for results.")
    flags.DEFINE_string("data_dir", None, "Where TensorFlow Datasets keeps its data.")
    flags.DEFINE_bool("smoke", False, "Two epochs only: does it run?")


if __name__ == "__main__":
    _define_flags()
    app.run(main)
