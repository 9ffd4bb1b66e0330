"""Every number of Tables 2 to 5 and 8, with its experiment."""

from experiments.evaluation.summaries import SCORES
from experiments.papers.cells import of_column
from experiments.papers.label_smoothing import published
from experiments.papers.label_smoothing.methods import names


def _accuracies(table, columns, group):
    for label, numbers in columns.items():
        yield from of_column(f"LS/{table}", label, numbers, f"LS/{group}/{label}/symmetric20")


def _tables_3_and_4():
    for (heading, family), by_alpha in published.TABLES_3_AND_4.items():
        table, column = ("LS/table4", family) if heading == "ECE 100" else ("LS/table3", heading)
        numbers = {names(family)[alpha]: (number, None) for alpha, number in by_alpha.items()}
        folder = "LS/alpha/cifar100-resnet32/symmetric20"
        yield from of_column(table, column, numbers, folder, score=SCORES[heading][0])


CELLS = [*_accuracies("table2", published.TABLE_2, "table2"), *_tables_3_and_4()]
CELLS += [*_accuracies("table5", published.TABLE_5, "table5"), *_accuracies("table8", published.TABLE_8, "alpha")]
