"""One script on a laptop's CPU, on all GPUs of a machine, on a TPU, or on several machines."""

from tfp_noise.distribute._cluster import Cluster
from tfp_noise.distribute._strategies import barrier, check_batch_size, description, is_chief, strategy

__all__ = ["Cluster", "barrier", "check_batch_size", "description", "is_chief", "strategy"]
