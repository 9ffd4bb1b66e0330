"""Methods of the paper: the rows of its tables, with the hyperparameters that its search chose."""

from experiments.evaluation.resolvers import AnchorTransition
from experiments.experiment import Method
from experiments.papers.logistic_normal import published
from tfp_noise import _validation, losses

# Data sets of our own, and the one of the tables whose place each takes, hyperparameters and grid included.
MODELLED_ON = {"digits": "mnist"}
# The arguments that the values of Tables 4 to 6 are for.
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


def preset(method, dataset, noise):
    """Return the arguments that the paper's search chose for a method's loss.

    Args:
        method: one of `METHODS`.
        dataset: "mnist", "cifar10", "cifar100" or one of `MODELLED_ON` with synthetic noise, or one of
            `published.NATURAL`.
        noise: one of `published.SYNTHETIC`; "human" for the data sets of `published.NATURAL`; or a `Noise`.

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
    synthetic = dataset in published.TABLES_4_AND_5
    _validation.check_choice("noise", noise, published.SYNTHETIC if synthetic else ["human"], f"noise of {dataset!r}")
    if not names:
        return {}
    row = published.TABLES_4_AND_5[dataset][method] if synthetic else published.TABLE_6[method]
    column = published.SYNTHETIC.index(noise) if synthetic else published.NATURAL.index(dataset)
    chosen = dict(zip(names, row[column], strict=True))
    return chosen | {"target_smoothing": 0.1 if dataset == "clothing1m" else 0.01} if method == "LN" else chosen


def _check_dataset(name):
    """The data set of the tables whose hyperparameters count for one of that name."""
    _validation.check_choice("name", name, [*published.TABLES_4_AND_5, *published.NATURAL, *MODELLED_ON], "data set")
    return MODELLED_ON.get(name, name)


def space(method, dataset):
    """Return the values that the paper searched over, `{argument: values}`; empty for methods without hyperparameters.

    Args:
        method: as in `preset`.
        dataset: as in `preset`.

    Raises:
        ValueError: for an unknown method or data set.
    """
    searched = published.SPACES.get(_validation.check_choice("method", method, METHODS), {})
    wider = (method, _check_dataset(dataset)) == ("LN", "mnist")
    return searched | {"min_scale": (0.1, 0.5, 1.0)} if wider else searched


def _losses(dataset):
    """The loss and the fixed arguments of each row of the tables."""
    # Patrini et al. 2017 read anchors at the 97th percentile, and for CIFAR-100 at the largest probability.
    transition = AnchorTransition(100 if dataset.startswith("cifar100") else 97)
    return {
        "CE": (losses.CrossEntropy, {}),
        "Bi-tempered": (losses.BiTempered, {}),
        "GCE": (losses.GeneralizedCrossEntropy, {}),
        "NAN": (losses.NoiseAgainstNoise, {}),
        "Forward": (losses.ForwardCorrection, {"transition": transition}),
        # By points, the loss's default; `train_samples=1000` would be the published random samples.
        "Het": (losses.Heteroscedastic, {}),
        "Het-tau": (losses.Heteroscedastic, {}),
        "Het-tau-Sigma_full": (losses.Heteroscedastic, {}),
        "LN": (losses.LogisticNormal, {}),
    }


def methods(dataset, noise):
    """Return the rows of the tables with the hyperparameters of Tables 4 to 6.

    Args:
        dataset: as in `preset`.
        noise: as in `preset`.
    """
    return [
        Method(label, loss, arguments | preset(label, dataset, noise))
        for label, (loss, arguments) in _losses(dataset).items()
    ]
