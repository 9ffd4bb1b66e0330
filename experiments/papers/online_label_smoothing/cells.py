"""Every number of Tables II to XII about a training, with its experiment or the reason why there is none.

Tables VIII and XII are measures of the same runs, and so are Tables IV and IX; Table XI's ResNet-56 is Table VII's
without noise.
"""

from experiments.papers.cells import of_column
from experiments.papers.online_label_smoothing import published
from experiments.papers.online_label_smoothing.settings import NOISES

_TOP_5 = "test_top5_accuracy"
_ATTACKED = "OLS/table4/imagenet2012-resnet50/none"
_OF_TEN = "OLS/table8/cifar10-resnet29/none"


def _table_2():
    for network, numbers in published.TABLE_2.items():
        folder = f"OLS/table2/cifar100-{network}/none"
        yield from of_column("OLS/table2", network, numbers, folder)


def _table_3():
    folder = "OLS/table3/cifar100-resnet56/none"
    for count, numbers in published.TABLE_3.items():
        score = {} if count == "1" else {"score": f"ensembles/{count}"}
        yield from of_column("OLS/table3", f"{count} models", numbers, folder, **score)


def _table_4():
    for network, table in published.TABLE_4.items():
        folder = f"OLS/table4/imagenet2012-{network}/none"
        reasons = {row: reason for row, reason in published.LEFT_OUT["table4"].items() if row in table["top1"]}
        yield from of_column("OLS/table4", network, table["top1"], folder, left_out=reasons)
        yield from of_column("OLS/table4", f"{network}, top 5", table["top5"], folder, score=_TOP_5, left_out=reasons)


def _table_6():
    for network, table in published.TABLE_6.items():
        reason = published.LEFT_OUT["table6"].get(network)
        for label, numbers in table.items():
            column, folder = f"{label}-{network}", f"OLS/table6/{label}-{network}/none"
            top_1 = {row: number for row, number in numbers.items() if not row.endswith("-top5")}
            top_5 = {row: numbers[f"{row}-top5"] for row in top_1}
            yield from of_column("OLS/table6", column, top_1, folder, left_out=reason)
            yield from of_column("OLS/table6", f"{column}, top 5", top_5, folder, score=_TOP_5, left_out=reason)


def _table_7():
    for rate, numbers in published.TABLE_7.items():
        folder = f"OLS/table7/cifar100-resnet56/{NOISES[int(rate)].name}"
        yield from of_column("OLS/table7", f"{rate} %", numbers, folder)


def _table_8():
    yield from of_column("OLS/table8", "clean", published.TABLE_8["clean"], _OF_TEN)
    for attack in ("fgsm", "pgd"):
        yield from of_column("OLS/table8", attack, published.TABLE_8[attack], _OF_TEN, score=f"{attack}_accuracy")


def _table_9():
    for column, numbers in published.TABLE_9.items():
        yield from of_column("OLS/table9", column, numbers, _ATTACKED, score=f"{column.replace('-', '_')}_accuracy")


def _table_10():
    reasons = published.LEFT_OUT["table10"]
    for column, numbers in published.TABLE_10.items():
        score = "mean_average_precision"
        yield from of_column("OLS/table10", column, numbers, "OLS/table10", score=score, left_out=reasons[column])


def _table_11():
    for network, numbers in published.TABLE_11.items():
        folder = f"OLS/{'table7' if network == 'resnet56' else 'table11'}/cifar100-{network}/none"
        yield from of_column("OLS/table11", network, numbers, folder)
        errors = published.CALIBRATION[network]
        yield from of_column("OLS/table11", f"{network}, calibration", errors, folder, score="test_ece_15_bins")


def _table_12():
    yield from of_column("OLS/table12", "clean", published.TABLE_8["clean"], _OF_TEN)
    yield from of_column("OLS/table12", "divergence", published.TABLE_12, _OF_TEN, score="human_divergence")


CELLS = [*_table_2(), *_table_3(), *_table_4(), *_table_6(), *_table_7()]
CELLS += [*_table_8(), *_table_9(), *_table_10(), *_table_11(), *_table_12()]
