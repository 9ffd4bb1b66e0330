"""Runs all experiments under a name, one after the other; a finished run is not repeated, so the same command goes on.

`python -m experiments.sweep --under=LS/alpha/laptop-digits --seeds=0,1,2 --workdir=results`
"""

from absl import flags

from experiments import papers, strategy_flags, terminal
from experiments.experiment import MAX_SEED
from experiments.run import run_all


def check_seeds(texts):
    """The seeds that a flag names, as ints."""
    if not texts or not all(text.isdigit() and int(text) <= MAX_SEED for text in texts):
        raise ValueError(f"Seeds must be integers from 0 to {MAX_SEED}, as in 0,1,2. Received: {texts}.")
    return [int(text) for text in texts]


def main():
    """Runs what the flags say, seed by seed, and prints the table."""
    args = flags.FLAGS
    seeds = check_seeds(args.seeds)
    found, strategy = papers.under(args.under), strategy_flags.build()
    experiments = [strategy_flags.grow(one.with_seed(seed), strategy) for seed in seeds for one in found]
    chosen = [one.smoke() for one in experiments] if args.smoke else experiments
    run_all(chosen, args.workdir, args.data_dir, args.resume, strategy)


if __name__ == "__main__":
    flags.DEFINE_string("under", None, "Folder of the names of the experiments to run.", required=True)
    flags.DEFINE_list("seeds", ["0"], "Seeds.")
    flags.DEFINE_string("workdir", "runs", "Folder for results.")
    flags.DEFINE_string("data_dir", None, "Where TensorFlow Datasets keeps its data.")
    flags.DEFINE_bool("smoke", False, "Two epochs only: do they run?")
    flags.DEFINE_bool("resume", True, "Go on with a run that was killed; --noresume starts it anew.")
    strategy_flags.define()
    terminal.start(main)
