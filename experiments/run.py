"""Runs one experiment: `python -m experiments.run --experiment=NAME --seed=0 --workdir=DIR`."""

import dataclasses
import sys
import time

import keras
from absl import flags

import models
from experiments import evaluation, interruption, papers, progress, report, terminal
from tfp_noise import NoisyLabelClassifier, datasets, pipeline


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
    started, made_by = time.monotonic(), report.made_by()
    keras.utils.set_random_seed(experiment.seed)
    data = datasets.load(experiment.dataset, data_dir=data_dir)
    report.prepare(experiment, workdir)
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
    title = f"{experiment.name} seed {experiment.seed}"
    with progress.Bar(title, experiment.epochs) as bar, interruption.StopBetweenCalls() as stop:
        model.fit(
            batches.train,
            steps_per_epoch=batches.steps_per_epoch,
            epochs=experiment.epochs,
            shuffle=False,
            callbacks=[curves, bar, keras.callbacks.TerminateOnNaN(), stop],
            verbose=0,
        )
    scores, probabilities = evaluation.evaluate(model, noisy)
    return report.write(
        experiment,
        workdir,
        scores={**scores, "train_effective_noise_rate": noisy.effective_rate},
        curves=curves.history,
        resolved={"loss": loss.get_config(), "optimizer": model.optimizer.get_config()},
        probabilities=probabilities,
        data=noisy,
        made_by={**made_by, "seconds": round(time.monotonic() - started, 1)},
    )


def main():
    """Runs what the flags say and prints its row of the table."""
    args, console = flags.FLAGS, terminal.console()
    experiment = dataclasses.replace(papers.find(args.experiment), seed=args.seed)
    try:
        result = run(experiment.smoke() if args.smoke else experiment, args.workdir, args.data_dir)
    except KeyboardInterrupt:
        console.print("Interrupted: this run left no result; finished ones are intact.")
        sys.exit(130)
    if not args.smoke:
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
    terminal.start(main)
