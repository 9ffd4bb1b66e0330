"""Data sets, by name or of one's own data: arrays with true labels, given ones, or both."""

from tfp_noise.datasets import cifar10h, clothing1m
from tfp_noise.datasets.base import Examples
from tfp_noise.datasets.dataset import Dataset
from tfp_noise.datasets.loading import load, names
from tfp_noise.datasets.own_arrays import from_arrays
from tfp_noise.datasets.own_images import from_directory
from tfp_noise.datasets.own_tables import from_csv
from tfp_noise.datasets.own_votes import from_votes
from tfp_noise.datasets.published import class_names, stream

__all__ = [
    "Dataset",
    "Examples",
    "cifar10h",
    "class_names",
    "clothing1m",
    "from_arrays",
    "from_csv",
    "from_directory",
    "from_votes",
    "load",
    "names",
    "stream",
]
