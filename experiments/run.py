"""Runs one experiment: `python -m experiments.run --experiment=NAME --seed=0 --workdir=DIR`."""

import dataclasses
import pathlib
import sys
import time

import keras
from absl import flags

from experiments import evaluation, interruption, locks, papers, progress, report, results, strategy_flags, terminal
from experiments.experiment import DTYPE_POLICIES, MAX_SEED
from tfp_noise import distribute
from tfp_noise._training.training_facts import described


def run(experiment, workdir, data_dir=None, resume=True, strategy=None):
    """The result of an experiment; a finished one with the same settings is read, not repeated.

    A process that finds another one at work on the run waits for it, and then reads its result.

    Args:
        experiment: an `Experiment`.
        workdir: folder for results; this one's is `workdir/experiment.name`.
        data_dir: where TensorFlow Datasets keeps its data; its own default if `None`.
        resume: bool, go on with a run that was killed, after its last backup: the result is that of one that was not.
            Otherwise it starts anew.
        strategy: of `distribute.strategy`; `None` for one device. All its workers call this, and the chief writes.

    Returns:
        The result, as `results.write` stores it.

    Raises:
        ValueError: if a result, or the backup of a run, of other settings is in its place.
    """
    strategy = strategy or distribute.strategy()
    with locks.alone_with_run(experiment, workdir, strategy, [".json"]):
        finished = results.find(experiment, workdir)
        distribute.barrier(strategy, _place(experiment, finished))
        if finished is None:
            _, finished = _train(experiment, workdir, data_dir, resume, strategy)
        if distribute.is_chief(strategy):
            results.drop_backup(experiment, workdir)
    return finished


def trained(experiment, workdir, data_dir=None, resume=True, strategy=None):
    """The trained model of an experiment; trained now where its file is missing, as it is from version control.

    Args:
        experiment: as in `run`.
        workdir: as in `run`.
        data_dir: as in `run`.
        resume: as in `run`.
        strategy: as in `run`.

    Returns:
        A `NoisyLabelClassifier`.
    """
    strategy = strategy or distribute.strategy()
    with locks.alone_with_run(experiment, workdir, strategy, [".json", ".keras"]):
        with strategy.scope():
            model = results.find_model(experiment, workdir)
        distribute.barrier(strategy, _place(experiment, model))
        if model is None:
            model, _ = _train(experiment, workdir, data_dir, resume, strategy)
        if distribute.is_chief(strategy):
            results.drop_backup(experiment, workdir)
    return model


def _place(experiment, found):
    """What a worker is about to do: all have to do the same."""
    return f"{locks.title(experiment)}, which is {'finished' if found else 'to be trained'}"


def _train(experiment, workdir, data_dir, resume, strategy):
    """Trains, evaluates and stores one experiment, its predecessor first: its model and its result."""
    distribute.check_batch_size(experiment.batch_size, strategy)
    predecessor = experiment.predecessor and trained(experiment.predecessor, workdir, data_dir, resume, strategy)
    started, made_by = time.monotonic(), results.made_by()
    keras.utils.set_random_seed(experiment.training_seed)
    data = experiment.source.load(experiment.dataset, data_dir)
    is_chief = distribute.is_chief(strategy)
    results.prepare(experiment, workdir, resume, is_chief)
    distribute.barrier(strategy)
    backup = results.backup(experiment, workdir)
    first_epoch = backup.epoch
    noisy = experiment.noise.apply(data, experiment.seed)
    with strategy.scope():
        batches = experiment.source.batches(noisy, experiment, data_dir, first_epoch)
        loss = experiment.method.build_loss(noisy, predecessor)
        network = experiment.build_network(data.input_shape, loss.num_outputs)
        model = experiment.method.build_classifier(network, loss, predecessor)
        model.compile(
            experiment.build_optimizer(),
            metrics=["accuracy"],
            # Keras has more for one replica only.
            steps_per_execution=batches.steps_per_execution if strategy.num_replicas_in_sync == 1 else 1,
            jit_compile=False,  # XLA halves the speed of convolutions on CPUs
        )
    curves = evaluation.Curves(noisy, experiment.epochs)
    observers = [measure.observe(noisy, experiment.epochs, data_dir) for measure in experiment.measures]
    title = f"{experiment.name} seed {experiment.seed}"
    with progress.Bar(title, experiment.epochs, shown=is_chief) as bar, interruption.StopBetweenCalls() as stop:
        model.fit(
            batches.train,
            steps_per_epoch=batches.steps_per_epoch,
            epochs=experiment.epochs,
            shuffle=False,
            callbacks=[curves, *observers, bar, stop, backup],
            verbose=0,
        )
    scores, probabilities = evaluation.evaluate(model, noisy)
    for observer in observers:
        scores |= observer.scores(probabilities)
    parts = {
        "resolved": {
            "loss": loss.get_config(),
            "optimizer": model.optimizer.get_config(),
            "training_seed": experiment.training_seed,
            "data": described((noisy.train.features, noisy.train.training_labels)),
            **({"ties": "by seed"} if experiment.noise.exact else {}),
        },
        "scores": scores,
        **evaluation.learned_rows(model, probabilities, noisy.test.labels),
        "curves": curves.history,
        "made_by": {
            **made_by,
            **distribute.description(strategy),
            # Of this process: what came before a backup took its own time.
            "seconds": round(time.monotonic() - started, 1),
            **({"resumed_at_epoch": first_epoch} if first_epoch else {}),
            **({"resumed_with": backup.differences} if backup.differences else {}),
        },
    }
    if is_chief:
        result = results.write(experiment, workdir, model, noisy, probabilities, parts)
    else:
        result = results.assemble(experiment, parts)
    distribute.barrier(strategy)  # the next run may build on the files of this one
    return model, result


def run_all(experiments, workdir, data_dir=None, resume=True, strategy=None):
    """Runs experiments one after the other, shows their table, and makes the files of `workdir` anew.

    One that fails, because it diverged or an estimated transition has no inverse, does not stop the others.

    Args:
        experiments: list of `Experiment`.
        workdir: as in `run`.
        data_dir: as in `run`.
        resume: as in `run`.
        strategy: as in `run`; its chief alone shows and writes.

    Raises:
        SystemExit: 130, after the same for what was finished, if Ctrl-C stops it; 1 if a run failed.
    """
    is_chief = strategy is None or distribute.is_chief(strategy)
    console, finished, failed = terminal.console(quiet=not is_chief), [], []
    try:
        for number, experiment in enumerate(experiments, 1):
            title = f"{number}/{len(experiments)} {experiment.name} seed {experiment.seed}"
            try:
                finished.append(run(experiment, workdir, data_dir, resume, strategy))
                console.print(f"{title}: clean test accuracy {finished[-1]['scores']['test_accuracy']:.2%}")
            except (ValueError, FloatingPointError) as error:
                failed.append(title)
                terminal.console().print(f"{title}: failed: {error}", markup=False)  # of every worker
            keras.backend.clear_session()  # else every trained model's functions stay in memory
    except KeyboardInterrupt:
        console.print(
            f"Interrupted: {len(finished)} of {len(experiments)} runs are finished; the same command goes on."
        )
    if finished:
        console.print(report.table(finished))
    if is_chief and any(not results.is_smoke(result["settings"]["name"]) for result in finished):
        with locks.alone(pathlib.Path(workdir) / "table.lock", "The table"):  # the last one is of all that is finished
            report.refresh(workdir)
    if len(finished) + len(failed) < len(experiments):
        sys.exit(130)
    if failed:
        sys.exit(f"{len(failed)} of {len(experiments)} runs failed, as said above: {'; '.join(failed)}.")


def main():
    """Runs what the flags say and prints its row of the table."""
    args, strategy = flags.FLAGS, strategy_flags.build()
    experiment = strategy_flags.grow(papers.find(args.experiment).with_seed(args.seed), strategy)
    if args.dtype_policy:
        experiment = dataclasses.replace(experiment, dtype_policy=args.dtype_policy)
    chosen = [experiment.smoke() if args.smoke else experiment]
    run_all(chosen, args.workdir, args.data_dir, args.resume, strategy)


def _define_flags():
    flags.DEFINE_string("experiment", None, "Name of an experiment; a wrong one lists the near ones.", required=True)
    text = "Seed of noise, initialisation, order and augmentation."
    flags.DEFINE_integer("seed", 0, text, lower_bound=0, upper_bound=MAX_SEED)
    flags.DEFINE_string("workdir", "runs", "Folder for results.")
    flags.DEFINE_string("data_dir", None, "Where TensorFlow Datasets keeps its data.")
    text = "Of the network, in place of the experiment's own; another one is another result: give it another workdir."
    flags.DEFINE_enum("dtype_policy", None, DTYPE_POLICIES, text)
    flags.DEFINE_bool("smoke", False, "Two epochs only: does it run?")
    flags.DEFINE_bool("resume", True, "Go on with a run that was killed; --noresume starts it anew.")
    strategy_flags.define()


if __name__ == "__main__":
    _define_flags()
    terminal.start(main)
