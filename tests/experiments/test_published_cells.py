"""The papers' tables are whole: each number has an experiment beside it, or the reason why there is none."""

import collections

import numpy as np
import pytest

from experiments import papers
from experiments.papers import cells, logistic_normal
from experiments.papers.learnable_label_smoothing import published as learnable
from experiments.papers.online_label_smoothing import published as online

# Rows and columns of the tables as printed, and how many of their cells are empty or printed a second time.
SHAPES = {
    "LN/table1": (3 * 9, 9, 0),
    "LN/table2": (9, 7, 0),
    "LN/table3": (5, 2, 0),
    "LS/table2": (2, 5, 1),  # without smoothing or correction both rows are one run
    "LS/table3": (3, 4, 0),
    "LS/table4": (3, 3, 0),
    "LS/table5": (4, 5, 0),
    "LS/table8": (4, 6, 0),
    "OLS/table2": (11, 5, 0),
    "OLS/table3": (3, 5, 0),
    "OLS/table4": (14 + 6, 2, 4),
    "OLS/table6": (16, 4 * 2, 0),
    "OLS/table7": (11, 5, 0),
    "OLS/table8": (6, 3, 0),
    "OLS/table9": (4, 4, 0),
    "OLS/table10": (3, 1, 0),
    "OLS/table11": (3, 6, 0),
    "OLS/table12": (6, 2, 0),
    "LLS/table1": (5, 8, 8),
    "LLS/table2": (9, 7, 26),
    "LLS/table3": (5, 6, 0),
    "LLS/table4": (9, 4, 0),
    "LLS/table5": (4, 10, 0),
    "LLS/table6": (4, 4, 0),
    "LLS/table7": (4, 4, 0),
    "LLS/table8": (10, 2, 0),
    "LLS/table9": (3, 4, 0),
}


def test_every_printed_number_is_a_cell():
    counts = collections.Counter(cell.table for cell in papers.CELLS)
    assert counts == {table: rows * columns - empty for table, (rows, columns, empty) in SHAPES.items()}
    assert len({(cell.table, cell.column, cell.row) for cell in papers.CELLS}) == len(papers.CELLS)


def test_tables_of_settings_are_whole():
    """Hyperparameters of paper LN (Tables 4 and 5: six rows for each data set), and data sets of paper OLS."""
    chosen = logistic_normal.published.TABLES_4_AND_5
    assert {dataset: [len(row) for row in rows.values()] for dataset, rows in chosen.items()} == {
        dataset: [5 + 4] * 6 for dataset in ("mnist", "cifar10", "cifar100")
    }
    assert [len(row) for row in logistic_normal.published.TABLE_6.values()] == [7] * 6
    assert [len(column) for column in online.TABLE_5.values()] == [4] * 3


# A number that is in no table, and numbers of Table VI that stand beside a second form of Tf-KD, too.
BESIDES = {"OLS/variants/cifar100-resnet56/none/OLS-single": online.SINGLE} | {
    f"OLS/table6/{label}-{network}/none/Tf-KD-code": online.TABLE_6[network][label]["Tf-KD"]
    for network in ("resnet50", "mobilenet_v2")
    for label in ("cub", "flowers", "cars", "aircraft")
}


def test_cells_and_experiments_have_the_same_numbers():
    """A cell with a reason has no experiment, because the experiment's number would be no cell's."""
    expected = BESIDES | {c.experiment: c.number for c in papers.CELLS if c.experiment and c.score == cells.ACCURACY}
    found = {name: e.published for name, e in papers.EXPERIMENTS.items() if e.published}
    again = {name: number for name, number in found.items() if name.startswith("LN/table1/mnist-lenet5_same/")}
    assert len(again) == 9 * 9
    assert all(expected[name.replace("-lenet5_same", "")] == number for name, number in again.items())
    assert {name: number for name, number in found.items() if name not in again} == expected


def test_every_cell_has_an_experiment_or_a_reason():
    for cell in papers.CELLS:
        assert (cell.experiment is None) != (cell.reason is None), cell
        assert cell.experiment is None or cell.experiment in papers.EXPERIMENTS, cell


def test_a_reason_for_a_row_that_is_not_there_is_refused():
    with pytest.raises(ValueError, match=r"must name rows of OLS/table2, resnet34\. Received: \['BYOD'\]"):
        list(cells.of_column("OLS/table2", "resnet34", {"BYOT": (80.0, None)}, "", left_out={"BYOD": "why"}))


# Errors in percent of rows that few or no experiments have, copied a second time: number of cells, and sums.
SUMS = {
    ("OLS/table2", "Xu"): (5, 22.65 + 22.05 + 21.70 + 22.81 + 23.14, 1.41),
    ("OLS/table2", "BYOT"): (5, 20.41 + 19.20 + 18.51 + 19.69 + 20.33, 1.20),
    ("OLS/table2", "BYOT-OLS"): (5, 19.44 + 18.15 + 18.14 + 18.29 + 19.25, 0.87),
    ("OLS/table4", "CE-Yuan"): (1, 24.23, 0),
    ("OLS/table4", "LS-Yuan"): (1, 23.62, 0),
    ("OLS/table4", "BYOT"): (2, 23.04 + 6.51, 0),
    ("OLS/table4", "BYOT-OLS"): (2, 21.88 + 6.27, 0),
    ("OLS/table6", "CE"): (8, 19.05 + 7.85 + 9.23 + 11.31 + 5.37 + 1.78 + 1.78 + 3.79, 1.44),
    ("OLS/table6", "LS"): (8, 17.54 + 8.08 + 8.55 + 9.96 + 5.43 + 1.95 + 1.87 + 3.45, 1.40),
    ("OLS/table6", "Tf-KD"): (8, 19.88 + 7.87 + 8.98 + 10.77 + 5.81 + 1.91 + 1.76 + 4.18, 1.23),
    ("OLS/table6", "OLS"): (8, 17.28 + 7.09 + 7.55 + 9.43 + 4.08 + 1.56 + 1.08 + 2.95, 0.89),
    ("OLS/table7", "Ren"): (5, 38.38 + 43.74 + 49.83 + 57.65 + 73.04, 3.22),
    ("OLS/table7", "Meta-Weight-Net"): (5, 29.51 + 35.06 + 43.58 + 56.15 + 87.25, 2.74),
    ("OLS/table7", "Arazo"): (5, 33.80 + 33.91 + 40.87 + 52.91 + 83.92, 3.97),
    ("OLS/table7", "PENCIL"): (5, 29.36 + 36.33 + 43.55 + 57.49 + 79.24, 1.74),
    ("OLS/table7", "Han"): (5, 32.07 + 35.08 + 44.39 + 62.50 + 80.39, 1.55),
}


# Of these, the rows that have experiments.
DECLARED = {("OLS/table2", "Xu")} | {key for key in SUMS if key[0] == "OLS/table7"}
DECLARED |= {(f"OLS/table{table}", row) for table in (2, 4) for row in ("BYOT", "BYOT-OLS")}


@pytest.mark.parametrize(("table", "row"), SUMS)
def test_numbers_of_rows(table, row):
    cells_of_row = [c for c in papers.CELLS if (c.table, c.row) == (table, row)]
    found = [c.number for c in cells_of_row if (c.reason is None) == ((table, row) in DECLARED)]
    count, errors, deviations = SUMS[table, row]
    assert len(found) == count
    assert sum(100 - mean for mean, _ in found) == pytest.approx(errors)
    assert sum(deviation or 0 for _, deviation in found) == pytest.approx(deviations)


def test_other_numbers_without_an_experiment():
    """mAP of OLS's Table X, and LLS's ResNet-18 with ImageNet's weights; nothing else."""
    found = collections.defaultdict(list)
    for cell in papers.CELLS:
        if cell.reason and (cell.table, cell.row) not in SUMS:
            found[cell.table].append(cell.number[0])
    assert found == {
        "OLS/table10": [81.6, 82.3, 82.7],
        "LLS/table1": [78.08, 78.56, 78.86, 90.37, 90.50, 91.02],
        "LLS/table4": [46.84, 78.84, 78.34, 78.10, 78.46, 78.13, 78.22, 46.62, 78.86],
    }


def test_improvements_of_table_vi():
    """The means over all networks and data sets, as the paper prints them and as its cells give them."""
    gains = collections.defaultdict(list)
    for table in online.TABLE_6.values():
        for numbers in table.values():
            for row in ("LS", "Tf-KD", "OLS"):
                for top in ("", "-top5"):
                    gains[row, top].append(numbers[row + top][0] - numbers["CE" + top][0])
    means = {key: round(np.mean(values), 2) for key, values in gains.items()}
    assert means["LS", ""] == online.IMPROVEMENTS["top1"]["LS"][0] == 1.11
    assert means["Tf-KD", ""] == online.IMPROVEMENTS["top1"]["Tf-KD"][0] == 0.44
    assert means["OLS", ""] == 1.99
    assert [means[row, "-top5"] for row in ("LS", "Tf-KD", "OLS")] == pytest.approx([0.035, 0.08, 0.97], abs=0.006)


def test_numbers_that_paper_lls_takes_from_paper_ols():
    """CUB-200 and Flowers-102 on MobileNetV2 and ResNet-50 are Table VI's, but for LLS; Tf-KD's form is Table VI's."""
    names = {"MV2": "mobilenet_v2", "R50": "resnet50", "caltech_birds2011": "cub", "oxford_flowers102": "flowers"}
    for (dataset, network), numbers in learnable.TABLES["table1"].items():
        if network in names:
            taken = online.TABLE_6[names[network]][names[dataset]]
            for row, other in {"CE": "CE", "LS": "LS", "TF-KD-reg": "Tf-KD", "OLS": "OLS"}.items():
                assert numbers[row][0] == taken[other][0]
    for network, other in {"R34": "resnet34", "R50": "resnet50_small", "R101": "resnet101_small"}.items():
        for row in ("CE", "LS", "OLS"):
            assert learnable.TABLES["table2"]["cifar100", network][row][0] == online.TABLE_2[other][row][0]
