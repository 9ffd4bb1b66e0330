"""Figure 3: two moons and two circles, cross-entropy beside the Logistic-Normal likelihood.

PLACEHOLDER
"""

import dataclasses

from experiments import sources
from experiments.experiment import CROSS_ENTROPY, Experiment, Method, Noise
from tfp_noise import losses


@dataclasses.dataclass(frozen=True)
class FirstPoints(sources.InMemory):
    """The first training points of a data set; validation and test split whole.

    Args:
        num_points: int, how many.
    """

    num_points: int

    def load(self, name, data_dir):
        data = super().load(name, data_dir)
        return dataclasses.replace(data, train=data.train.take(slice(self.num_points)))


_POINTS = FirstPoints(100)
# Temperature and min_scale with the highest accuracy on noisy validation labels.
_CHOSEN = {"two_moons": (1.0, 0.5), "two_circles": (1.0, 0.5)}
DATASETS = tuple(_CHOSEN)


def _methods(dataset):
    temperature, min_scale = _CHOSEN[dataset]
    return [CROSS_ENTROPY, Method("LN", losses.LogisticNormal, {"temperature": temperature, "min_scale": min_scale})]


FIGURE_3 = [
    Experiment(
        name=f"LN/figure3/{dataset}/symmetric40/{method.label}",
        dataset=dataset,
        noise=Noise("symmetric", 0.4),
        model="mlp",
        method=method,
        epochs=2000,
        batch_size=_POINTS.num_points,
        optimizer=("Adam", {"learning_rate": 1e-4}),
        source=_POINTS,
    )
    for dataset in DATASETS
    for method in _methods(dataset)
]
