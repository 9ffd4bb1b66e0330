"""Sources of a run's examples (arrays or a stream, all of a data set or a part), and the noise of their labels."""

from experiments.sources.base import Source
from experiments.sources.clothing1m import Clothing1M
from experiments.sources.in_memory import InMemory
from experiments.sources.label_noise import Noise
from experiments.sources.parts import FirstClasses, FirstExamples, Part, RandomExamples
from experiments.sources.stream import Stream

__all__ = [
    "Clothing1M",
    "FirstClasses",
    "FirstExamples",
    "InMemory",
    "Noise",
    "Part",
    "RandomExamples",
    "Source",
    "Stream",
]
