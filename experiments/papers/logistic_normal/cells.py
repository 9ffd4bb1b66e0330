"""Every number of Tables 1 to 3, with its experiment. Tables 4 to 6 are hyperparameters (`methods.preset`)."""

from experiments.papers.cells import of_column
from experiments.papers.logistic_normal import published

CELLS = [
    cell
    for dataset, columns in published.TABLE_1.items()
    for noise, numbers in columns.items()
    for cell in of_column("LN/table1", f"{dataset}, {noise}", numbers, f"LN/table1/{dataset}/{noise}")
]
CELLS += [
    cell
    for table, columns in (("LN/table2", published.TABLE_2), ("LN/table3", published.TABLE_3))
    for dataset, numbers in columns.items()
    for cell in of_column(table, dataset, numbers, f"{table}/{dataset.replace(':', '-')}/human")
]
