"""What the tables print beside clean accuracy, and what the runs at hand have: ensembles, top-5, attacks, calibration.

`python -m experiments.papers.online_label_smoothing.scores --workdir=DIR` writes `DIR/OLS/scores.md`. Clean accuracy
stands in the table of all results.
"""

import pathlib
from typing import NamedTuple

import numpy as np
from absl import flags

from experiments import report, results, terminal
from experiments.papers.online_label_smoothing import published

_LEGEND = (
    "Percent, and nats for the divergence from annotators; mean ± standard deviation over seeds. Of an ensemble: test "
    "accuracy of the mean probabilities of so many epochs. FGSM, PGD: test accuracy after the attack. "
    "†: as in `table.md`."
)


class _Score(NamedTuple):
    """What a score is called, the factor to its unit, and the folders of the experiments that it is shown of."""

    title: str
    factor: float = 100
    under: tuple[str, ...] = ("OLS/",)


# By the score's key, "/" for one within a dict. Every run has a calibration error; those of Table XI are shown.
_SCORES = {
    **{f"ensembles/{count}": _Score(f"{count} models") for count in ("6", "10", "15", "20")},
    "test_top5_accuracy": _Score("top 5"),
    "fgsm_accuracy": _Score("FGSM"),
    "fgsm_top5_accuracy": _Score("FGSM, top 5"),
    "pgd_accuracy": _Score("PGD"),
    "pgd_top5_accuracy": _Score("PGD, top 5"),
    "human_divergence": _Score("divergence from humans", factor=1),
    "test_ece_15_bins": _Score("calibration error", under=("OLS/table7/", "OLS/table11/")),
}


def _published():
    """A dict `{experiment: {key of a score: (mean, standard deviation or None)}}`."""
    found = {}
    for method, row in published.TABLE_3.items():
        keys = {f"ensembles/{count}": number for count, number in row.items() if count != "1"}
        found[f"OLS/table3/cifar100-resnet56/none/{method}"] = keys
    for network, table in published.TABLE_4.items():
        for method, row in table.items():
            found[f"OLS/table4/imagenet2012-{network}/none/{method}"] = {"test_top5_accuracy": row["top5"]}
    for method, row in published.TABLE_9.items():
        attacked = {f"{column.replace('-', '_')}_accuracy": number for column, number in row.items()}
        found[f"OLS/table4/imagenet2012-resnet50/none/{method}"] |= attacked
    for network, table in published.TABLE_6.items():
        for label, row in table.items():
            for column, number in row.items():
                if column.endswith("-top5"):
                    name = f"OLS/table6/{label}-{network}/none/{column.removesuffix('-top5')}"
                    found[name] = {"test_top5_accuracy": number}
    for method, row in published.TABLE_8.items():
        found[f"OLS/table8/cifar10-resnet29/none/{method}"] = {
            "fgsm_accuracy": row["fgsm"],
            "pgd_accuracy": row["pgd"],
            "human_divergence": published.TABLE_12[method],
        }
    for network, row in published.CALIBRATION.items():
        for method, number in row.items():
            table = "table7" if network == "resnet56" else "table11"
            found[f"OLS/{table}/cifar100-{network}/none/{method}"] = {"test_ece_15_bins": number}
    return found


PUBLISHED = _published()


def rows(runs):
    """A row for each score of each of the paper's experiments that has finished runs: text, headings first."""
    lines = [["experiment", "score", "paper", "ours", "seeds"]]
    for name, group in report.by_experiment(runs).items():
        for key, score in _SCORES.items():
            found = [_value(result["scores"], key) for result in group]
            values = [score.factor * value for value in found if value is not None]
            if values and name.startswith(score.under):
                papers = PUBLISHED.get(name, {}).get(key)
                lines.append(
                    [name + report.mark(group), score.title, _text(papers), _text(_mean(values)), str(len(values))]
                )
    return lines


def _value(scores, key):
    *folder, name = key.split("/")
    for part in folder:
        scores = scores.get(part, {})
    return scores.get(name)


def _mean(values):
    return np.mean(values), np.std(values, ddof=1) if len(values) > 1 else None


def _text(number):
    if number is None:
        return "–"
    mean, spread = number
    return f"{mean:.4g}" if spread is None else f"{mean:.4g} ± {spread:.2g}"


def main():
    """Writes the table of the runs at hand, and prints it."""
    folder = pathlib.Path(flags.FLAGS.workdir)
    text = f"{report.markdown_table(rows(results.load(folder).values()))}\n{_LEGEND}\n"
    (folder / "OLS").mkdir(exist_ok=True)
    results.atomic_write(folder / "OLS" / "scores.md", lambda file: file.write_text(text))
    terminal.console().print(text, markup=False)


if __name__ == "__main__":
    flags.DEFINE_string("workdir", "results", "Folder of finished runs.")
    terminal.start(main)
