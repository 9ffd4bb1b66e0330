"""Every loss on every data set and noise: `python -m experiments.decision.measure --data_dir=DIR`.

One JSON file a data set, noise and seed, and one line in it a loss; what is there already is not trained again, so that
the same command goes on. Fashion-MNIST and CIFAR-10N are read from `--data_dir` and left out without it.
"""

import json
import pathlib
import warnings

import keras
from absl import flags

from experiments.console import shared_flags, terminal
from experiments.decision import training
from experiments.decision.methods import METHODS
from experiments.decision.sets import SETS
from tfp_noise._saving.atomic_files import atomic_write


def main():
    """Measure what the flags ask for."""
    args = flags.FLAGS
    for seed in map(int, args.seeds):
        for name in args.sets:
            task = SETS[name]
            try:
                data = task.load(seed, args.data_dir)
            except FileNotFoundError as error:
                terminal.console().print(f"{name} is left out: {error}", markup=False)
                continue
            for noise in task.noises:
                path = pathlib.Path(args.results) / f"{name}-{noise.name}-{seed}.json"
                _measure(path, task, data if noise.kind == "none" else noise.apply(data, seed), seed, args.methods)


def _measure(path, task, noisy, seed, methods):
    path.parent.mkdir(parents=True, exist_ok=True)
    found = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    for method in methods:
        if method in found:
            continue
        found[method] = _scores(METHODS[method], noisy, task, seed)
        lines = ",\n".join(f" {json.dumps(name)}: {json.dumps(value)}" for name, value in found.items())
        atomic_write(path, lambda file, lines=lines: file.write_text(f"{{\n{lines}\n}}\n", encoding="utf-8"))
        keras.backend.clear_session()
    terminal.console().print(path.stem)


def _scores(make, noisy, task, seed):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of transitions that are hard to invert, which are measured like the others
        try:
            return training.scores(noisy, make(noisy, seed, task), task, seed)
        except (FloatingPointError, ValueError) as error:
            return {"failed": str(error)[:200]}


if __name__ == "__main__":
    flags.DEFINE_list("sets", list(SETS), "Data sets.")
    flags.DEFINE_list("methods", list(METHODS), "Losses.")
    flags.DEFINE_list("seeds", ["0", "1", "2"], "Seeds of splits, noise and networks.")
    flags.DEFINE_string("results", "results/decision", "Folder for results.")
    shared_flags.define_data_dir()
    terminal.start(main)
