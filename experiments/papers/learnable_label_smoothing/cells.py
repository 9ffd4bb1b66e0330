"""Every number of Tables 1 to 9, with its experiment or the reason why there is none."""

from experiments.papers.cells import of_column
from experiments.papers.learnable_label_smoothing import published
from experiments.papers.learnable_label_smoothing.settings import folder


def _columns(table):
    left_out = published.LEFT_OUT.get(table, {})
    for column, numbers in published.TABLES[table].items():
        reasons = left_out.get(column)
        place = None if column in left_out else f"{folder(table, *column)}/none"
        yield from of_column(f"LLS/{table}", ", ".join(column), numbers, place, left_out=reasons)


def _table_9():
    for network, rows in published.TABLE_9.items():
        place = f"{folder('table2', 'tiny_imagenet', network)}/none"
        for i, score in enumerate(("parameters", "minutes")):
            numbers = {row: (values[i], None) for row, values in rows.items()}
            yield from of_column("LLS/table9", f"{network}, {score}", numbers, place, score=score)


CELLS = [cell for table in published.TABLES for cell in _columns(table)]
CELLS += _table_9()
