"""The flags that several scripts have, each defined in one place, and what they make."""

from absl import flags

from experiments.experiment import MAX_SEED
from tfp_noise import distribute

_DATA_DIR = "Folder of TensorFlow Datasets; its own default without it."


def define_workdir_to_write(default="runs"):
    """Define the `--workdir` of a script that runs experiments.

    Args:
        default: text, the folder without the flag.
    """
    flags.DEFINE_string("workdir", default, "Folder for results; finished runs in it are not repeated.")


def define_workdir_to_read():
    """Define the `--workdir` of a script that makes tables or figures of finished runs."""
    flags.DEFINE_string("workdir", "results", "Folder of finished runs.")


def define_data_dir():
    """Define `--data_dir`."""
    flags.DEFINE_string("data_dir", None, _DATA_DIR)


def define_seed(text="Seed of noise, initialisation, order and augmentation."):
    """Define `--seed`.

    Args:
        text: what the seed is of.
    """
    flags.DEFINE_integer("seed", 0, text, lower_bound=0, upper_bound=MAX_SEED)


def check_seeds(texts):
    """Return the seeds of a flag as ints.

    Args:
        texts: list of text.

    Raises:
        ValueError: if one is no seed, or there is none.
    """
    if not texts or not all(text.isdigit() and int(text) <= MAX_SEED for text in texts):
        raise ValueError(f"Seeds must be integers from 0 to {MAX_SEED}, as in 0,1,2. Received: {texts}.")
    return [int(text) for text in texts]


def define_training():
    """Define the flags of a script that trains: `--workdir`, `--data_dir`, `--smoke`, `--resume`, and where."""
    define_workdir_to_write()
    define_data_dir()
    flags.DEFINE_bool("smoke", False, "Two epochs only, to see whether it runs.")
    flags.DEFINE_bool("resume", True, "Go on with a run that was killed; --noresume starts it anew.")
    define_strategy()


def define_strategy():
    """Define the flags that say where to train."""
    flags.DEFINE_string("strategy", "default", "Where to train: default, mirrored, tpu or multi_worker.")
    flags.DEFINE_list("devices", None, "With mirrored: devices to train on, as in GPU:0,GPU:1; all GPUs without it.")
    flags.DEFINE_integer("num_replicas", None, "How many replicas there must be; with mirrored, the first GPUs.")
    flags.DEFINE_string("tpu", None, "With tpu: its name or address; without it, TPU_NAME of the environment or local.")
    flags.DEFINE_string("communication", "auto", "With multi_worker: auto, ring or nccl.")
    flags.DEFINE_list("workers", None, "With multi_worker: host:port of each; without it, TF_CONFIG or Slurm say so.")
    flags.DEFINE_integer("worker_index", None, "With multi_worker: the index of this process among them, from 0 on.")
    text = "Linear scaling rule: batch and learning rate times the number of replicas, as experiments of their own."
    flags.DEFINE_bool("linear_scaling", False, text)


def build_strategy():
    """Return the strategy that the flags ask for; called before anything else that touches TensorFlow."""
    args = flags.FLAGS
    if (args.workers is None) != (args.worker_index is None):
        raise ValueError(
            "--workers and --worker_index belong together. "
            f"Received: {args.workers} and {args.worker_index}. Give both or neither."
        )
    return distribute.strategy(
        args.strategy,
        devices=args.devices,
        num_replicas=args.num_replicas,
        tpu=args.tpu,
        cluster=args.workers and distribute.Cluster(args.workers, args.worker_index),
        communication=args.communication,
    )


def adapted(experiment, strategy):
    """Return the experiment that the flags `--linear_scaling` and `--smoke` make of `experiment`.

    Args:
        experiment: an `Experiment`.
        strategy: as `build_strategy` returns it.
    """
    args = flags.FLAGS
    if args.linear_scaling:
        experiment = experiment.with_linear_scaling(strategy.num_replicas_in_sync)
    return experiment.smoke() if args.smoke else experiment
