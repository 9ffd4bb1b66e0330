"""Tables 4, 5 and 6: the hyperparameters that the paper's search chose, and the space that it searched (appendix B.2).

One seed, and the highest accuracy on noisy validation labels at the end of training.
"""

from tfp_noise import _validation

# Noise on clean labels (Tables 1, 4 and 5), and data sets with human or web labels (Tables 2 and 6).
SYNTHETIC = ("none", "symmetric20", "symmetric40", "symmetric60", "symmetric80")
SYNTHETIC += ("asymmetric10", "asymmetric20", "asymmetric30", "asymmetric40")
NATURAL = ("cifar10n:random1", "cifar10n:random2", "cifar10n:random3", "cifar10n:aggregate", "cifar10n:worst")
NATURAL += ("cifar100n", "clothing1m")
# Data sets of our own, and the one of the tables whose place each takes, hyperparameters and grid included.
MODELLED_ON = {"digits": "mnist"}

# What each method's values below are arguments of; the methods without a row have none.
_ARGUMENTS = {
    "CE": (),
    "Bi-tempered": ("t1", "t2"),
    "GCE": ("q",),
    "NAN": ("sigma",),
    "Forward": (),
    "Het": (),
    "Het-tau": ("temperature",),
    "Het-tau-Sigma_full": ("temperature", "rank"),
    "LN": ("temperature", "min_scale"),
}
METHODS = tuple(_ARGUMENTS)

_TABLES_4_AND_5 = {
    "mnist": {
        "Het-tau": [(0.5,), (0.1,), (20,), (10,), (20,)] + [(0.5,), (0.5,), (0.5,), (0.1,)],
        "Het-tau-Sigma_full": [(1.0, 1), (0.1, 4), (0.1, 4), (10, 4), (0.1, 1)]
        + [(0.5, 2), (10, 2), (0.5, 1), (10, 1)],
        "Bi-tempered": [(0.9, 1.1), (0.7, 4.0), (0.5, 4.0), (0.5, 4.0), (0.7, 4.0)]
        + [(0.7, 2.0), (0.7, 4.0), (0.5, 4.0), (0.5, 4.0)],
        "NAN": [(0.2,), (1.0,), (1.0,), (1.0,), (1.0,)] + [(0.75,), (1.0,), (0.75,), (1.0,)],
        "GCE": [(0.3,), (0.7,), (0.9,), (0.9,), (0.9,)] + [(0.7,), (0.7,), (0.5,), (0.3,)],
        "LN": [(1.0, 1.0), (1.0, 1.0), (1.0, 0.5), (0.5, 0.1), (1.0, 0.1)]
        + [(1.0, 0.1), (0.5, 0.1), (0.5, 0.1), (0.5, 0.1)],
    },
    "cifar10": {
        "Het-tau": [(0.5,), (10,), (20,), (10,), (10,)] + [(0.5,), (10,), (10,), (20,)],
        "Het-tau-Sigma_full": [(0.5, 4), (20, 4), (20, 1), (10, 2), (10, 4)] + [(0.1, 2), (20, 2), (0.1, 2), (0.5, 2)],
        "Bi-tempered": [(0.9, 2.0), (0.5, 2.0), (0.7, 2.0), (0.9, 2.0), (0.7, 2.0)]
        + [(0.7, 1.1), (0.7, 1.1), (0.9, 2.0), (0.5, 1.1)],
        "NAN": [(0.2,), (0.5,), (0.75,), (0.75,), (0.75,)] + [(0.2,), (0.5,), (0.1,), (0.2,)],
        "GCE": [(0.1,), (0.9,), (0.9,), (0.9,), (0.9,)] + [(0.9,), (0.9,), (0.9,), (0.1,)],
        "LN": [(0.1, 0.5), (0.5, 0.5), (1.0, 0.5), (1.0, 0.5), (1.0, 0.5)]
        + [(0.5, 0.5), (0.5, 0.5), (0.5, 0.5), (0.5, 0.5)],
    },
    "cifar100": {
        "Het-tau": [(20,), (20,), (10,), (10,), (0.1,)] + [(20,), (20,), (20,), (10,)],
        "Het-tau-Sigma_full": [(0.5, 4), (10, 4), (10, 4), (10, 1), (1, 1)] + [(20, 2), (20, 2), (20, 1), (20, 1)],
        "Bi-tempered": [(0.7, 1.1), (0.5, 1.1), (0.5, 1.1), (0.7, 1.1), (0.7, 1.1)]
        + [(0.5, 1.1), (0.5, 1.1), (0.5, 1.1), (0.5, 1.1)],
        "NAN": [(0.1,), (0.2,), (0.2,), (0.2,), (0.2,)] + [(0.2,), (0.1,), (0.2,), (0.1,)],
        "GCE": [(0.5,), (0.5,), (0.5,), (0.5,), (0.3,)] + [(0.5,), (0.7,), (0.7,), (0.5,)],
        "LN": [(0.1, 0.5), (1.0, 0.5), (1.0, 0.5), (1.0, 0.5), (1.0, 0.5)]
        + [(1.0, 0.5), (0.5, 0.5), (0.5, 1.0), (0.5, 1.0)],
    },
}
_TABLE_6 = {
    "Het-tau": [(10,), (20,), (20,), (0.5,), (20,), (20,), (0.1,)],
    "Het-tau-Sigma_full": [(10, 4), (0.1, 1), (20, 1), (20, 1), (10, 4), (10, 1), (0.1, 1)],
    "Bi-tempered": [(0.5, 2.0), (0.5, 2.0), (0.9, 2.0), (0.7, 2.0), (0.5, 2.0), (0.5, 1.1), (0.5, 2.0)],
    "NAN": [(0.75,), (0.5,), (0.5,), (0.5,), (0.75,), (0.2,), (0.2,)],
    "GCE": [(0.9,), (0.7,), (0.9,), (0.5,), (0.9,), (0.5,), (0.9,)],
    "LN": [(0.5, 0.5), (1.0, 0.5), (0.5, 0.5), (1.0, 1.0), (0.5, 0.5), (0.5, 0.5), (1.0, 1.0)],
}

_TEMPERATURES = (0.1, 0.5, 1.0, 10.0, 20.0)
_SPACES = {
    "Bi-tempered": {"t1": (0.5, 0.7, 0.9), "t2": (1.1, 2.0, 4.0)},
    "GCE": {"q": (0.1, 0.3, 0.5, 0.7, 0.9)},
    "NAN": {"sigma": (0.1, 0.2, 0.5, 0.75, 1.0)},
    "Het-tau": {"temperature": _TEMPERATURES},
    "Het-tau-Sigma_full": {"temperature": _TEMPERATURES, "rank": (1, 2, 4)},
    "LN": {"temperature": (0.1, 0.5, 1.0), "min_scale": (0.5, 1.0)},
}


def preset(method, dataset, noise):
    """The arguments that the paper's search chose for a method's loss.

    Args:
        method: one of `METHODS`.
        dataset: "mnist", "cifar10", "cifar100" or one of `MODELLED_ON` with synthetic noise, or one of `NATURAL`.
        noise: one of `SYNTHETIC`; "human" for the data sets of `NATURAL`. An `experiments.experiment.Noise` will do.

    Returns:
        A dict from argument of the loss to value; empty for the methods that have no hyperparameters.

    Raises:
        ValueError: for a name that the tables do not have.

    Example:
        >>> preset("LN", "mnist", "symmetric40")
        {'temperature': 1.0, 'min_scale': 0.5, 'target_smoothing': 0.01}
    """
    names = _ARGUMENTS[_validation.check_choice("method", method, METHODS)]
    dataset, noise = _check_dataset(dataset), getattr(noise, "name", noise)
    synthetic = dataset in _TABLES_4_AND_5
    _validation.check_choice("noise", noise, SYNTHETIC if synthetic else ["human"], f"noise of {dataset!r}")
    if not names:
        return {}
    row = _TABLES_4_AND_5[dataset][method] if synthetic else _TABLE_6[method]
    column = SYNTHETIC.index(noise) if synthetic else NATURAL.index(dataset)
    chosen = dict(zip(names, row[column], strict=True))
    return chosen | {"target_smoothing": 0.1 if dataset == "clothing1m" else 0.01} if method == "LN" else chosen


def _check_dataset(name):
    """The data set whose hyperparameters count for one of that name."""
    _validation.check_choice("name", name, [*_TABLES_4_AND_5, *NATURAL, *MODELLED_ON], "data set")
    return MODELLED_ON.get(name, name)


def space(method, dataset):
    """The values that the paper searched over, `{argument: values}`; empty for methods without hyperparameters.

    Args:
        method: as in `preset`.
        dataset: as in `preset`.

    Raises:
        ValueError: for an unknown method or data set.
    """
    searched = _SPACES.get(_validation.check_choice("method", method, METHODS), {})
    wider = (method, _check_dataset(dataset)) == ("LN", "mnist")
    return searched | {"min_scale": (0.1, 0.5, 1.0)} if wider else searched
