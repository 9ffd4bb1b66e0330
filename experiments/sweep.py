"""All experiments under a name. Finished runs are not repeated, so that the same command goes on.

`python -m experiments.sweep --under=LS/alpha/laptop-digits --seeds=0,1,2 --workdir=results --jobs=2`
"""

import tensorflow as tf
from absl import flags

from experiments import papers
from experiments.console import shared_flags, terminal
from experiments.run import run_all


def check_jobs(jobs, strategy):
    """Refuse several processes where they would share an accelerator.

    Args:
        jobs: int >= 1.
        strategy: text, the name of a strategy.

    Raises:
        ValueError: if `jobs` is above 1 and the strategy has several devices, or TensorFlow sees a GPU.
    """
    if jobs == 1:
        return
    if strategy != "default":
        raise ValueError(
            f"--jobs should be 1 with --strategy={strategy}, which trains on several devices itself. Received: {jobs}."
        )
    if gpus := tf.config.get_visible_devices("GPU"):
        raise ValueError(
            f"--jobs should be 1 where TensorFlow sees a GPU, whose memory one process takes whole. Received: {jobs}, "
            f"with {len(gpus)}. Leave it out, or hide the GPU with the environment variable CUDA_VISIBLE_DEVICES=-1."
        )


def main():
    """Run the experiments of the flags, seed by seed, and print the table."""
    args = flags.FLAGS
    seeds = shared_flags.check_seeds(args.seeds)
    check_jobs(args.jobs, args.strategy)
    found, strategy = papers.under(args.under), shared_flags.build_strategy()
    experiments = [shared_flags.adapted(one.with_seed(seed), strategy) for seed in seeds for one in found]
    run_all(experiments, args.workdir, args.data_dir, args.resume, strategy, args.jobs)


if __name__ == "__main__":
    flags.DEFINE_string(
        "under", None, "Folder of the experiments' names, as LS/alpha, or the name of one.", required=True
    )
    flags.DEFINE_list("seeds", ["0"], "Seeds.")
    text = "How many run side by side on a CPU, each in a process with cores of its own: faster for LeNet-5."
    flags.DEFINE_integer("jobs", 1, text, lower_bound=1)
    shared_flags.define_training()
    terminal.start(main)
