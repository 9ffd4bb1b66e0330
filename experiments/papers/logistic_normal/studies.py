"""What Figures 5, 6 and 7 are drawn from: variants of the tables' Logistic-Normal runs.

Figure 5: each temperature and min_scale of appendix B.2's search, with 40 % symmetric noise. Figures 6 and 7: the
identity in the place of the learned covariance, for every noise; the learned ones are the tables' own runs.
"""

import itertools

from experiments.experiment import Method
from experiments.papers.logistic_normal import tables
from tfp_noise import _validation, losses

TEMPERATURES = MIN_SCALES = (0.1, 0.5, 1.0)

_LEARNED = [
    experiment
    for experiment in (*tables.TABLE_1, *tables.TABLE_2)
    if experiment.method.label == "LN" and experiment.noise.kind != "none"
]


def _variant(experiment, group, label, arguments):
    """`experiment` with other arguments of its loss, under the name `LN/group/.../label`."""
    setting = experiment.name.split("/")[2]
    method = Method(label, losses.LogisticNormal, arguments)
    return experiment.variant(f"LN/{group}/{setting}", method, published=None)


def _grid(experiment):
    for temperature, min_scale in itertools.product(TEMPERATURES, MIN_SCALES):
        arguments = experiment.method.arguments | {"temperature": temperature, "min_scale": min_scale}
        yield _variant(experiment, "figure5", f"tau{temperature:g}-lambda{min_scale:g}", arguments)


def _identity(experiment):
    kept = {name: value for name, value in experiment.method.arguments.items() if name != "min_scale"}
    return _variant(experiment, "figure6", "LN-identity", kept | {"covariance": "identity"})


FIGURE_5 = [
    one
    for experiment in _LEARNED
    if (experiment.noise.kind, experiment.noise.rate) == ("symmetric", 0.4)
    for one in _grid(experiment)
]
FIGURE_6 = [_identity(experiment) for experiment in _LEARNED]


def covariances(label, noise):
    """The two experiments of one histogram of Figures 6 and 7: with the learned covariance, and with the identity.

    Args:
        label: a setting of Table 1 or 2, as "laptop-digits" or "cifar10n-worst".
        noise: as "symmetric40"; "human" for the settings of Table 2.

    Raises:
        ValueError: for a setting or noise that the tables do not have.
    """
    pairs = {e.name.split("/", 2)[2].removesuffix("/LN"): (e, i) for e, i in zip(_LEARNED, FIGURE_6, strict=True)}
    return pairs[_validation.check_choice("label", f"{label}/{noise}", pairs, "setting and noise")]
