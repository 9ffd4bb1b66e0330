"""Questions to a strategy and its workers: the chief, the size of batches, barriers."""

import tensorflow as tf

from tfp_noise import _validation
from tfp_noise.distribute import _lost_workers

_NAMES = {
    tf.distribute.MirroredStrategy: "mirrored",
    tf.distribute.TPUStrategy: "tpu",
    tf.distribute.MultiWorkerMirroredStrategy: "multi_worker",
}


def _check_strategy(strategy):
    cure = "Pass what `distribute.strategy` returned."
    return _validation.check_instance("strategy", strategy, tf.distribute.Strategy, cure)


def is_chief(strategy: tf.distribute.Strategy) -> bool:
    """True on the chief worker, the only one that writes files and logs, and in a program with one worker.

    Args:
        strategy: a `tf.distribute.Strategy`.

    Returns:
        A bool.

    Raises:
        TypeError: if `strategy` is not a `tf.distribute.Strategy`.

    Example:
        >>> is_chief(tf.distribute.get_strategy())
        True
    """
    return _check_strategy(strategy).extended.should_checkpoint


def check_batch_size(batch_size: int, strategy: tf.distribute.Strategy) -> int:
    """The number of examples of a batch that each replica gets.

    Args:
        batch_size: int, the global one, of all replicas together.
        strategy: a `tf.distribute.Strategy`.

    Returns:
        An int.

    Raises:
        TypeError: if `batch_size` is not an integer, or `strategy` not a `tf.distribute.Strategy`.
        ValueError: if `batch_size` is not a multiple of the number of replicas.

    Example:
        >>> check_batch_size(128, tf.distribute.get_strategy())
        128
    """
    replicas = _check_strategy(strategy).num_replicas_in_sync
    return _validation.check_batch_size(batch_size, replicas) // replicas


def description(strategy: tf.distribute.Strategy) -> dict[str, str | int]:
    """The strategy's name and its number of replicas, as plain JSON.

    Args:
        strategy: a `tf.distribute.Strategy`.

    Returns:
        A dict with the keys "strategy", a name that `distribute.strategy` takes, and "replicas".

    Raises:
        TypeError: if `strategy` is not a `tf.distribute.Strategy`.

    Example:
        >>> description(tf.distribute.get_strategy())
        {'strategy': 'default', 'replicas': 1}
    """
    _check_strategy(strategy)
    name = next((name for kind, name in _NAMES.items() if isinstance(strategy, kind)), "default")
    return {"strategy": name, "replicas": strategy.num_replicas_in_sync}


def barrier(strategy: tf.distribute.Strategy, at: str = "") -> None:
    """Waits until all workers have called it: each then finds the files that the chief has written before.

    Args:
        strategy: a `tf.distribute.Strategy`.
        at: text that names this point of the program. Workers with other flags, or other files before them, may reach
            different points; without this check gradients of different programs would be summed silently.

    Raises:
        ConnectionError: if a worker is lost; the message names it.
        TypeError: if `strategy` is not a `tf.distribute.Strategy`, or `at` is not text.
        ValueError: if `at` differs between workers; all of them raise it.

    Example:
        >>> barrier(tf.distribute.get_strategy(), "epoch 1")  # one worker does not wait
    """
    if not isinstance(at, str):
        raise TypeError(f"`at` must be text. Received: {at!r:.100} of type {type(at).__name__}.")
    if not _lost_workers.is_multi_worker(_check_strategy(strategy)):
        return
    texts = gather_texts(strategy, at)
    if len(set(texts)) > 1:
        received = "; ".join(f"worker {i}: {text}" for i, text in enumerate(texts))
        raise ValueError(
            f"All workers must be at the same point. Received: {received}. Start all with the same "
            "program and flags, on a file system that they share."
        )


def gather_texts(strategy, text):
    """The texts of all workers, in the order of the workers. Waits for all; a ConnectionError names a lost one."""
    letters = tf.constant([*text.encode(), 0])

    @tf.function(autograph=False)
    def gather():
        return strategy.run(lambda: tf.distribute.get_replica_context().all_gather(letters, axis=0))

    with _lost_workers.naming_lost_workers(strategy):
        gathered = strategy.experimental_local_results(gather())[0].numpy()
    texts = bytes(gathered.tolist()).decode().split("\0")[:-1]  # one from each replica, in the order of the workers
    return texts[:: len(texts) // len(strategy.cluster_resolver.cluster_spec().as_dict()["worker"])]
