"""Claims of the paper: Figures 2 and 6, and Tables 2 to 5 and 8; and two of our own on estimated transitions."""

from experiments.evaluation.claims import Claim, Comparison
from experiments.papers.label_smoothing import studies, tables
from experiments.papers.label_smoothing.methods import ALPHAS, FAMILIES

TITLE = "Lukasik et al. 2020: where its findings hold"
MADE_BY = "experiments.papers.label_smoothing.findings"
NOTE = """\
An estimated T that is the identity corrects nothing. The error of the identity is 0.18 times the rate of symmetric
noise in ten classes, 0.036 at 20 % and 0.072 at 40 %. On digits the estimates of `FC-Patrini` and `BC-Patrini` are the
identity, because their network has learned its labels by heart and is as sure of the wrong ones; on Fashion-MNIST they
are near it, though that network has learned few or some of them.
"""


def _rates(experiments):
    """`{folder: rate of the noise}`."""
    return {experiment.name.rpartition("/")[0]: experiment.noise.rate for experiment in experiments}


_ALPHA, _ESTIMATED = _rates(tables.TABLE_8), _rates(studies.ESTIMATED)
_TABLE_2, _TABLE_5, _FIGURE_6 = map(_rates, (tables.TABLE_2, tables.TABLE_5, studies.FIGURE_6))
_LARGE = max(ALPHAS)
_AT_SMALL_ALPHA = [(family, alpha) for family in ("FC", "BC") for alpha in (0.1, 0.2)]


def _claim(folders, text, source, *comparisons):
    return Claim(text, source, dict.fromkeys(folders, comparisons))


def _smoothing_over_cross_entropy(heading, sign=1):
    return [Comparison(f"LS{alpha}", "CE", heading, sign) for alpha in ALPHAS]


def _further(rate):
    """Each family at the largest alpha, above the one that is nearest to the noise rate."""
    near = min(ALPHAS, key=lambda alpha: abs(alpha - rate))
    return [Comparison(f"{family}{_LARGE}", f"{family}{near}") for family in FAMILIES]


# Section 4.1.
_CLAIMS_BY_ALPHA = [
    _claim(_ALPHA, "Smoothing improves accuracy", "Figure 2", *_smoothing_over_cross_entropy("test")),
    Claim(
        "Alpha above the noise rate improves every method further",
        "Figure 2",
        {folder: _further(rate) for folder, rate in _ALPHA.items()},
    ),
    _claim(
        _ALPHA,
        "Forward correction is best at large alpha",
        "Figure 2",
        *(Comparison(f"FC{_LARGE}", f"{other}{_LARGE}") for other in ("LS", "BC")),
    ),
    _claim(
        _ALPHA,
        "Backward correction is worse than cross-entropy at small alpha, better at large",
        "Figure 2",
        Comparison("CE", "BC0.1"),
        Comparison(f"BC{_LARGE}", "CE"),
    ),
    _claim(
        _ALPHA,
        "Smoothing improves predictions of mislabelled examples",
        "Table 3",
        *_smoothing_over_cross_entropy("noisy: true"),
    ),
    _claim(
        _ALPHA,
        "Smoothing fits wrong labels less",
        "Table 3",
        *_smoothing_over_cross_entropy("noisy: fit", sign=-1),
    ),
    _claim(
        _ALPHA,
        "Smoothing improves predictions of correctly labelled examples",
        "Table 3",
        *_smoothing_over_cross_entropy("clean part"),
    ),
    _claim(
        _ALPHA,
        "Smoothing of 0.1 improves calibration",
        "Table 4",
        Comparison("LS0.1", "CE", "ECE 100", sign=-1),
    ),
    _claim(
        _ALPHA,
        "Correction harms calibration",
        "Table 4",
        *(Comparison("CE", f"{family}{alpha}", "ECE 100", sign=-1) for family, alpha in _AT_SMALL_ALPHA),
    ),
    _claim(
        _ALPHA,
        "Correction harms it more than smoothing of the same alpha",
        "Table 4",
        *(Comparison(f"LS{alpha}", f"{family}{alpha}", "ECE 100", sign=-1) for family, alpha in _AT_SMALL_ALPHA),
    ),
    _claim(
        _ALPHA,
        "Smoothing of 0.1 is above correction by an estimated transition",
        "Table 8",
        *(Comparison("LS0.1", f"{correction}-Patrini") for correction in ("FC", "BC")),
    ),
]
CLAIMS = [
    *_CLAIMS_BY_ALPHA,
    *(
        _claim(
            _ESTIMATED,
            f"{correction} with the estimated transition loses at most 1 point to {correction} with the true one",
            "ours",
            *(Comparison(f"{correction}-{one}", f"{correction}-true", within=1.0) for one in studies.PERCENTILES),
        )
        for correction in ("FC", "BC")
    ),
    _claim(
        _FIGURE_6,
        "A smoothed teacher's student is better at every alpha",
        "Figure 6",
        *(Comparison(f"teacher-LS{alpha}", "teacher-CE") for alpha in ALPHAS),
    ),
    _claim(
        _TABLE_2,
        f"Forward correction at every alpha, and smoothing at all but {_LARGE}, improve accuracy",
        "Table 2",
        *(Comparison(f"FC{alpha}", "CE") for alpha in ALPHAS),
        *(Comparison(f"LS{alpha}", "CE") for alpha in ALPHAS if alpha != _LARGE),
    ),
    _claim(
        _TABLE_5,
        "Smoothing or correcting the teacher improves the student",
        "Table 5",
        *(Comparison(f"{family}-teacher", "vanilla") for family in ("LS", "FC")),
    ),
    _claim(
        [folder for folder in _TABLE_5 if "/cifar100-" not in folder],
        "Smoothing or correcting the student improves it, 10 classes",
        "Table 5",
        *(Comparison(f"{family}-student", "vanilla") for family in ("LS", "FC")),
    ),
]
