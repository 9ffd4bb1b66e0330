"""Every number of Tables 2 to 5 and 8, with its experiment."""

from experiments.evaluation.summaries import SCORES
from experiments.papers.cells import of_column
from experiments.papers.label_smoothing import published
from experiments.papers.label_smoothing.methods import names

_FOLDERS = {"table2": "table2", "table5": "table5", "table8": "alpha"}
_TABLES = {"table2": published.TABLE_2, "table5": published.TABLE_5, "table8": published.TABLE_8}

CELLS = [
    cell
    for table, columns in _TABLES.items()
    for label, numbers in columns.items()
    for cell in of_column(f"LS/{table}", label, numbers, f"LS/{_FOLDERS[table]}/{label}/symmetric20")
]
for (_heading, _family), _by_alpha in published.TABLES_3_AND_4.items():
    _table, _column = ("LS/table4", _family) if _heading == "ECE 100" else ("LS/table3", _heading)
    _numbers = {names(_family)[alpha]: (number, None) for alpha, number in _by_alpha.items()}
    CELLS += of_column(_table, _column, _numbers, "LS/alpha/cifar100-resnet32/symmetric20", score=SCORES[_heading][0])
