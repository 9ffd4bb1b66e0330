"""Runs all experiments under a name, one after the other; a finished run is not repeated, so the same command goes on.

`python -m experiments.sweep --under=LS/alpha/laptop-digits --seeds=0,1,2 --workdir=results`
"""

import dataclasses
import sys

import keras
from absl import flags

from experiments import papers, report, terminal
from experiments.run import run


def main():
    """Runs what the flags say, seed by seed, and prints the table."""
    args, console = flags.FLAGS, terminal.console()
    experiments = papers.under(args.under)
    runs = [dataclasses.replace(experiment, seed=int(seed)) for seed in args.seeds for experiment in experiments]
    results = []
    try:
        for number, experiment in enumerate(runs, 1):
            results.append(run(experiment, args.workdir, args.data_dir))
            accuracy = results[-1]["scores"]["test_accuracy"]
            title = f"{number}/{len(runs)} {experiment.name} seed {experiment.seed}"
            console.print(f"{title}: clean test accuracy {accuracy:.2%}")
            keras.backend.clear_session()  # else every trained model's functions stay in memory
    except KeyboardInterrupt:
        console.print(f"Interrupted: {len(results)} of {len(runs)} runs are finished; the same command goes on.")
        sys.exit(130)
    report.refresh(args.workdir)
    console.print(report.table(report.load(args.workdir)))


if __name__ == "__main__":
    flags.DEFINE_string("under", None, "Start of the names of the experiments to run.", required=True)
    flags.DEFINE_list("seeds", ["0"], "Seeds.")
    flags.DEFINE_string("workdir", "runs", "Folder for results.")
    flags.DEFINE_string("data_dir", None, "Where TensorFlow Datasets keeps its data.")
    terminal.start(main)
