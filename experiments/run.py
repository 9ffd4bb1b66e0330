"""One experiment, trained, scored and stored: `python -m experiments.run --experiment=NAME --seed=0 --workdir=DIR`."""

import contextlib
import dataclasses
import functools
import pathlib
import sys
import time
from typing import NamedTuple

import keras
from absl import flags

from experiments import evaluation, papers, report, results, side_by_side
from experiments.console import progress, shared_flags, terminal
from experiments.experiment import DTYPE_POLICIES
from experiments.results import locks
from tfp_noise import distribute
from tfp_noise._training import interruption
from tfp_noise._training.training_facts import described


def run(experiment, workdir, data_dir=None, resume=True, strategy=None):
    """Return the result of an experiment; a finished one with the same settings is read, not repeated.

    A process that finds another one at work on the run waits for it, and then reads its result.

    Args:
        experiment: an `Experiment`.
        workdir: folder for results; this one's is `workdir/experiment.name`.
        data_dir: where TensorFlow Datasets keeps its data; its own default if `None`.
        resume: bool, go on with a run that was killed, after its last backup: the result is that of a run that was not
            killed. Otherwise it starts anew.
        strategy: of `distribute.strategy`; `None` for one device. All its workers call this, and the chief writes.

    Returns:
        The result, as `results.write` stores it.

    Raises:
        ValueError: if a result, or the backup of a run, of other settings is in its place.
    """
    return _find_or_train(results.find, [".json"], "result", experiment, workdir, data_dir, resume, strategy)


def trained(experiment, workdir, data_dir=None, resume=True, strategy=None):
    """Return the trained model of an experiment; it is trained now if its file is missing, as in a fresh clone.

    Args:
        experiment: as in `run`.
        workdir: as in `run`.
        data_dir: as in `run`.
        resume: as in `run`.
        strategy: as in `run`.

    Returns:
        A `NoisyLabelClassifier`.
    """
    files = [".json", ".keras"]
    return _find_or_train(results.find_model, files, "model", experiment, workdir, data_dir, resume, strategy)


class _Trained(NamedTuple):
    model: keras.Model
    result: dict


def _find_or_train(find, suffixes, part, experiment, workdir, data_dir, resume, strategy):
    """The value that `find` reads of a run with files of these suffixes, or the same `part` of a training now."""
    strategy = strategy or distribute.strategy()
    with locks.alone_with_run(experiment, workdir, strategy, suffixes):
        with strategy.scope():
            found = find(experiment, workdir)
        state = "to be trained" if found is None else "finished"
        # All workers have to do the same.
        distribute.barrier(strategy, f"{locks.title(experiment)}, which is {state}")
        if found is None:
            found = getattr(_train(experiment, workdir, data_dir, resume, strategy), part)
        if distribute.is_chief(strategy):
            results.drop_backup(experiment, workdir)
    return found


def _train(experiment, workdir, data_dir, resume, strategy):
    """The model and the result of one experiment, trained after its predecessor."""
    distribute.check_batch_size(experiment.batch_size, strategy)
    predecessor = experiment.predecessor and trained(experiment.predecessor, workdir, data_dir, resume, strategy)
    started, made_by = time.monotonic(), results.made_by()
    keras.utils.set_random_seed(experiment.training_seed)
    noisy = experiment.noisy_data(data_dir)  # clean labels go on to the scores, and to a method that is told some
    backup = results.start(experiment, workdir, resume, strategy)
    first_epoch = backup.epoch
    model, batches = _build(experiment, noisy, predecessor, data_dir, first_epoch, strategy)
    curves = evaluation.Curves(noisy, experiment.epochs)
    measures = [measure.callback(noisy, experiment.epochs, data_dir) for measure in experiment.measures]
    _fit(experiment, model, batches, [curves, *measures], backup, shown=distribute.is_chief(strategy))
    scores, probabilities = evaluation.evaluate(model, noisy)
    for measure in measures:
        scores |= measure.scores(probabilities)
    made_by = {
        **made_by,
        **distribute.description(strategy),
        "seconds": round(time.monotonic() - started, 1),  # of this process, without those before a backup
        **({"resumed_at_epoch": first_epoch} if first_epoch else {}),
        **({"resumed_with": backup.differences} if backup.differences else {}),
    }
    result = _record(experiment, workdir, model, noisy, scores, probabilities, curves.history, made_by, strategy)
    return _Trained(model, result)


def _build(experiment, noisy, predecessor, data_dir, first_epoch, strategy):
    """The compiled model of an experiment, and its batches from an epoch on."""
    with strategy.scope():
        batches = experiment.batches(noisy, data_dir, first_epoch)
        loss = experiment.method.build_loss(noisy, predecessor)
        network = experiment.build_network(noisy.input_shape, loss.num_outputs)
        model = experiment.method.build_classifier(network, loss, noisy, predecessor)
        model.compile(
            experiment.build_optimizer(),
            metrics=["accuracy"],
            # Keras has more than 1 for one replica only.
            steps_per_execution=batches.steps_per_execution if strategy.num_replicas_in_sync == 1 else 1,
            jit_compile=False,  # XLA halves the speed of convolutions on CPUs
        )
    return model, batches


def _fit(experiment, model, batches, callbacks, backup, shown):
    """Train a model from the last backup on, with a progress bar if `shown`; Ctrl-C ends it at a safe point."""
    title = f"{experiment.name} seed {experiment.seed}"
    with progress.Bar(title, experiment.epochs, shown) as bar, interruption.StopBetweenCalls() as stop:
        model.fit(
            batches.train,
            steps_per_epoch=batches.steps_per_epoch,
            epochs=experiment.epochs,
            shuffle=False,
            callbacks=[*callbacks, bar, stop, backup],
            verbose=0,
        )


def _record(experiment, workdir, model, noisy, scores, probabilities, curves, made_by, strategy):
    """The result of a training; the chief stores it, and the other workers wait until it is there."""
    parts = {
        "resolved": {
            "loss": model.loss.get_config(),
            "optimizer": model.optimizer.get_config(),
            "training_seed": experiment.training_seed,
            "data": described((noisy.train.features, noisy.train.training_labels)),
            **({"ties": "by seed"} if experiment.noise.exact else {}),
        },
        "scores": scores,
        **evaluation.learned_rows(model, probabilities, noisy.test.labels),
        "curves": curves,
        "made_by": made_by,
    }
    if distribute.is_chief(strategy):
        result = results.write(experiment, workdir, model, noisy, probabilities, parts)
    else:
        result = results.assemble(experiment, parts)
    distribute.barrier(strategy)  # the next run may build on the files of this one
    return result


def run_all(experiments, workdir, data_dir=None, resume=True, strategy=None, jobs=1):
    """Run experiments, show their table, and make the files of `workdir` anew.

    One that fails, because it diverged or an estimated transition has no inverse, does not stop the others.

    Args:
        experiments: list of `Experiment`.
        workdir: as in `run`.
        data_dir: as in `run`.
        resume: as in `run`.
        strategy: as in `run`; only its chief shows and writes.
        jobs: int, how many run side by side, each in a process with cores of its own, on one device each; with 1 they
            run one after the other in this process.

    Raises:
        ValueError: if there are fewer cores than `jobs`.
        SystemExit: 130, after the same for what was finished, if Ctrl-C stops it; 1 if a run failed.
    """
    is_chief = strategy is None or distribute.is_chief(strategy)
    console, finished, failed = terminal.console(quiet=not is_chief), {}, []
    if side_by_side.check_jobs(jobs) > 1:
        attempt = functools.partial(_attempt, workdir=workdir, data_dir=data_dir, resume=resume)
        outcomes = side_by_side.outcomes(attempt, experiments, jobs)
    else:
        outcomes = ((i, _attempt(one, workdir, data_dir, resume, strategy)) for i, one in enumerate(experiments))
    try:
        with contextlib.closing(outcomes):
            for index, outcome in outcomes:
                title = f"{index + 1}/{len(experiments)} {experiments[index].name} seed {experiments[index].seed}"
                if isinstance(outcome, Exception):
                    failed.append(title)
                    terminal.console().print(f"{title}: failed: {outcome}", markup=False)  # of every worker
                else:
                    finished[index] = outcome
                    console.print(f"{title}: clean test accuracy {outcome['scores']['test_accuracy']:.2%}")
    except KeyboardInterrupt:
        console.print(
            f"Interrupted: {len(finished)} of {len(experiments)} runs are finished; the same command goes on."
        )
    in_order = [finished[index] for index in sorted(finished)]
    if in_order:
        console.print(report.table(in_order))
    if is_chief and any(not results.is_smoke(result["settings"]["name"]) for result in in_order):
        with locks.alone(pathlib.Path(workdir) / "table.lock", "The table"):  # the last process has all finished runs
            with_predecessors = [*experiments, *(one.predecessor for one in experiments if one.predecessor)]
            report.refresh(workdir, {one.name for one in with_predecessors})
    if len(finished) + len(failed) < len(experiments):
        sys.exit(130)
    if failed:
        sys.exit(f"{len(failed)} of {len(experiments)} runs failed, see the messages above: {'; '.join(failed)}.")


def _attempt(experiment, workdir, data_dir, resume, strategy=None):
    """The result of an experiment, or the error that it ended with."""
    try:
        return run(experiment, workdir, data_dir, resume, strategy)
    except (ValueError, FloatingPointError) as error:
        return error
    finally:
        keras.backend.clear_session()  # else every trained model's functions stay in memory


def main():
    """Run the experiment of the flags and print its row of the table."""
    args, strategy = flags.FLAGS, shared_flags.build_strategy()
    experiment = shared_flags.adapted(papers.find(args.experiment).with_seed(args.seed), strategy)
    if args.dtype_policy:
        experiment = dataclasses.replace(experiment, dtype_policy=args.dtype_policy)
    run_all([experiment], args.workdir, args.data_dir, args.resume, strategy)


if __name__ == "__main__":
    flags.DEFINE_string("experiment", None, "Name of an experiment; a wrong one lists the near ones.", required=True)
    shared_flags.define_seed()
    text = "Precision of the network in place of the experiment's: another result, which needs another --workdir."
    flags.DEFINE_enum("dtype_policy", None, DTYPE_POLICIES, text)
    shared_flags.define_training()
    terminal.start(main)
