"""The flags that say where a script trains, and what they make."""

from absl import flags

from tfp_noise import distribute


def define():
    """Defines them, once a script."""
    flags.DEFINE_string("strategy", "default", "Where to train: default, mirrored, tpu or multi_worker.")
    flags.DEFINE_list("devices", None, "Of mirrored: what to train on, as in GPU:0,GPU:1; all GPUs without it.")
    flags.DEFINE_integer("num_replicas", None, "How many replicas there must be; of mirrored, the first GPUs.")
    flags.DEFINE_string("tpu", None, "Of tpu: its name or address; else TPU_NAME of the environment, else local.")
    flags.DEFINE_string("communication", "auto", "Of multi_worker: auto, ring or nccl.")
    flags.DEFINE_list("workers", None, "Of multi_worker: host:port of each; else TF_CONFIG, else Slurm say so.")
    flags.DEFINE_integer("worker_index", None, "Of multi_worker: which of the workers this process is, from 0 on.")
    text = "Batch and learning rate times the number of replicas (linear rule), as experiments of their own."
    flags.DEFINE_bool("grow_batch", False, text)


def build():
    """The strategy that the flags say; called before anything else that touches TensorFlow."""
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


def grow(experiment, strategy):
    """`experiment`, in larger batches where a flag asks for them."""
    return experiment.grown(strategy.num_replicas_in_sync) if flags.FLAGS.grow_batch else experiment
