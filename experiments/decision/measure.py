"""Every loss on every data set and noise: `python -m experiments.decision.measure --data_dir=DIR`.

One JSON file a data set, noise and seed; what is there already is not trained again, so that
the same command goes on. A file's `made_by` is that of its first loss, and each loss has the commit that measured it,
which the oldest ones lack. Fashion-MNIST and CIFAR-10N are read from `--data_dir` and left out without it.
"""

import pathlib
import warnings

import keras
from absl import flags

from experiments import results
from experiments.comparison.compared_method import Case
from experiments.comparison.training import Trainer
from experiments.console import shared_flags, terminal
from experiments.decision.methods import METHODS
from experiments.decision.sets import SETS


def main():
    """Measure what the flags ask for."""
    args = flags.FLAGS
    for name in args.sets:
        try:
            measure(name, METHODS, shared_flags.check_seeds(args.seeds), pathlib.Path(args.results), args.data_dir)
        except FileNotFoundError as error:
            terminal.console().print(f"{name} is left out: {error}", markup=False)


def measure(name, methods, seeds, folder, data_dir):
    """Train with losses on one data set under each noise, where the folder has no result yet.

    Args:
        name: a key of `SETS`.
        methods: names of losses, keys of `METHODS`.
        seeds: list of int, of splits, noise and networks.
        folder: `pathlib.Path` of the results.
        data_dir: folder of prepared data sets, or `None`.
    """
    task = SETS[name]
    clean = {seed: task.load(seed, data_dir) for seed in seeds}
    cells = [
        (folder / f"{name}-{noise.name}-{seed}.json", Case(name, task, noise, seed, noise.apply(clean[seed], seed)))
        for noise in task.noises
        for seed in seeds
    ]
    for method in methods:
        trainers = {}
        for path, case in cells:
            found = results.read_measured(path) or {"made_by": results.made_by()}
            if method not in found:
                scores = _scores(METHODS[method], trainers, case)
                results.write_json(path, {**found, method: {**scores, "commit": results.made_by()["commit"]}})
        keras.backend.clear_session()
        terminal.console().print(f"{name}: {method}")


def _scores(make, trainers, case):
    """Accuracies of one training by the trainer of an equal loss, which is made if there is none yet."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of transitions that are hard to invert, which are measured like the others
        try:
            loss = make(case)
            settings = repr(loss.get_config())
            if settings not in trainers:
                trainers[settings] = Trainer(case.data, loss, case.task)
            return trainers[settings].scores(case.data, case.seed)
        except (FloatingPointError, ValueError) as error:
            return {"failed": str(error)[:200]}


if __name__ == "__main__":
    flags.DEFINE_list("sets", list(SETS), "Data sets.")
    flags.DEFINE_list("seeds", ["0", "1", "2"], "Seeds of splits, noise and networks.")
    flags.DEFINE_string("results", "results/decision", "Folder for results.")
    shared_flags.define_data_dir()
    terminal.start(main)
