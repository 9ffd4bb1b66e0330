"""Real digits with wrong labels, five methods, one table: `python -m experiments.demo`.

Cross-entropy, label smoothing, backward and forward correction (given the true transition matrix) and Logistic-Normal
train on scikit-learn's 8x8 digits under 40 % symmetric noise and under 40 % noise to the next class.
"""

import time

from absl import flags

from experiments.console import shared_flags, terminal
from experiments.papers.own.demonstration import EXPERIMENTS
from experiments.run import run_all


def main():
    """Run all ten, print the table, draw the figures."""
    workdir, started = flags.FLAGS.workdir, time.monotonic()
    run_all(EXPERIMENTS, workdir)
    terminal.console().print(f"{time.monotonic() - started:.0f} s. Table and figures: {workdir}/")


if __name__ == "__main__":
    shared_flags.define_workdir_to_write("runs/demo")
    terminal.start(main)
