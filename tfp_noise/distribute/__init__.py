"""One script on a laptop's CPU, on all GPUs of a machine, on a TPU, or on several machines."""

from tfp_noise.distribute._cluster import Cluster
from tfp_noise.distribute._strategies import check_batch_size, description, is_chief, strategy, wait_for_all

__all__ = ["Cluster", "check_batch_size", "description", "is_chief", "strategy", "wait_for_all"]
