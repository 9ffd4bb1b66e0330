"""Claims of the paper: Tables 1 to 8 and Figure 7, a setting for each column that has experiments, and `laptop` ones.

Rows of Table 5 are students: "LLS-teacher" is the student of a teacher trained with LLS.
"""

from experiments.evaluation.claims import Claim, Comparison
from experiments.papers.learnable_label_smoothing import studies, tables
from experiments.papers.learnable_label_smoothing.methods import ABLATION, AUGMENTATIONS

TITLE = "Learnable label smoothing: where its claims hold"
MADE_BY = "experiments.papers.learnable_label_smoothing.findings"
NOTE = """\
On clean digits (`laptop-digits`) methods that smooth labels in any way come to 98 to 100 %: little is left to tell them
apart by.
"""


def _methods(experiments):
    """`{folder: methods}` of clean labels, on which the paper trains."""
    found = {}
    for one in experiments:
        if one.noise.kind == "none":
            folder, _, method = one.name.rpartition("/")
            found.setdefault(folder, set()).add(method)
    return found


def _claim(experiments, text, source, *pairs, within=None):
    """Comparisons of pairs of methods in each setting, those that the setting has."""
    settings = {}
    for folder, methods in _methods(experiments).items():
        known = [Comparison(*pair, within=within) for pair in pairs if methods.issuperset(pair)]
        if known:
            settings[folder] = known
    return Claim(text, source, settings)


_TABLE_3 = [*tables.TABLE_3, *tables.LAPTOP_TABLE_3]
_HALF_THE_EXAMPLES, _HALF_THE_CLASSES = (
    [one for one in tables.TABLES_6_AND_7 if one.name.startswith(f"LLS/{table}/")] for table in ("table6", "table7")
)
_PLAIN = [("LLS", "CE"), ("LLS", "LS")]
_ALL_BUT_ONE = [one for one in tables.TABLE_1 if one.name.split("/")[2] != "caltech_birds2011-mobilenet_v2"]

CLAIMS = [
    _claim(tables.TABLE_1, "On fine classes LLS is above one-hot labels and label smoothing", "Table 1", *_PLAIN),
    _claim(
        _ALL_BUT_ONE,
        "On fine classes LLS is above OLS",
        "Table 1: but for MobileNetV2 on CUB-200",
        ("LLS", "OLS"),
    ),
    _claim(
        tables.TABLE_2, "With 100 and 200 classes LLS is above one-hot labels and label smoothing", "Table 2", *_PLAIN
    ),
    _claim(
        tables.TABLE_2,
        "With 100 and 200 classes LLS is above OLS, Zipf, focal losses and teacher-free distillation",
        "Table 2",
        *(("LLS", other) for other in ("OLS", "Zipf", "FL-3", "FLSD-53", "TF-KD-self", "TF-KD-reg")),
    ),
    _claim(_TABLE_3, "LLS is above one-hot labels and label smoothing", "Table 3", *_PLAIN),
    _claim(
        _TABLE_3,
        "LLS is above OLS and teacher-free distillation",
        "Table 3",
        ("LLS", "OLS"),
        ("LLS", "TF-KD-reg"),
    ),
    _claim(
        tables.TABLE_4,
        "Accuracy is lower without cross-entropy of the prediction, and by the reverse divergence alone",
        "Table 4",
        ("LLS", "no-FCE"),
        ("LLS", "reverse-KL"),
    ),
    _claim(
        tables.TABLE_4,
        "All four terms together are above each part of them",
        "Table 4",
        *(("LLS", row.label) for row in ABLATION if row.label != "LLS"),
    ),
    _claim(
        tables.TABLE_4,
        "Reverse cross-entropy is the term that is missed least",
        "Table 4",
        *(("no-RCE", other) for other in ("no-FCE", "no-pred-EM", "no-targets-EM")),
    ),
    _claim(
        tables.TABLE_5,
        "A teacher trained with LLS is better than with one-hot labels or label smoothing",
        "Table 5",
        ("LLS-teacher", "CE-teacher"),
        ("LLS-teacher", "LS-teacher"),
    ),
    _claim(
        tables.TABLE_5,
        "Q in the teacher's place is as good as one trained with one-hot labels: at most 1 point below",
        "Table 5",
        ("LLS-ST", "CE-teacher"),
        within=1.0,
    ),
    _claim(
        _HALF_THE_EXAMPLES,
        "On half of the examples, Q of all of them is above one-hot labels, label smoothing and a new Q",
        "Table 6",
        *(("LLS-ST", other) for other in ("CE", "LS", "LLS")),
    ),
    _claim(
        _HALF_THE_CLASSES,
        "On half of the classes, Q of all of them is above one-hot labels and label smoothing",
        "Table 7",
        *(("LLS-ST", other) for other in ("CE", "LS")),
    ),
    _claim(
        _HALF_THE_CLASSES,
        "On half of the classes, a new Q is above that of all of them",
        "Table 7",
        ("LLS", "LLS-ST"),
    ),
    _claim(
        tables.TABLE_8,
        "Each augmentation is better with LLS",
        "Table 8",
        ("LLS", "CE"),
        *((f"{name}-LLS", name) for name in AUGMENTATIONS),
    ),
    _claim(
        studies.FIGURE_7,
        "Alpha of 0.1 to 0.4 is above 0.05 and 0.5",
        "Figure 7",
        *((f"LLS{alpha}", f"LLS{other}") for alpha in studies.ALPHAS[1:-1] for other in (0.05, 0.5)),
    ),
]
