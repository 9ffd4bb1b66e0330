"""Real digits with wrong labels, five methods, one table: `python -m experiments.demo`.

Cross-entropy, label smoothing, backward and forward correction (given the true transition matrix) and Logistic-Normal
train on scikit-learn's 8x8 digits under 40 % symmetric noise and under 40 % noise to the next class.
"""

import sys
import time

from absl import flags

from experiments import report, terminal
from experiments.digits import EXPERIMENTS
from experiments.run import run


def main():
    """Runs all ten, prints the table, draws the figures."""
    console, workdir, started = terminal.console(), flags.FLAGS.workdir, time.monotonic()
    results = []
    try:
        for experiment in EXPERIMENTS:
            results.append(run(experiment, workdir))
            console.print(f"{experiment.name}: clean test accuracy {results[-1]['scores']['test_accuracy']:.1%}")
    except KeyboardInterrupt:
        console.print(f"Interrupted: {len(results)} finished runs are kept in {workdir}; the same command goes on.")
    if not results:
        sys.exit(130)
    report.refresh(workdir)
    console.print(report.table(results, title="Real 8x8 digits, 40 % label noise"))
    console.print(f"{time.monotonic() - started:.0f} s. Table and figures: {workdir}/")
    sys.exit(0 if len(results) == len(EXPERIMENTS) else 130)


if __name__ == "__main__":
    flags.DEFINE_string("workdir", "runs/demo", "Folder for results; finished runs in it are not repeated.")
    terminal.start(main)
