"""What the tables print beside clean accuracy, and what the runs at hand have: ensembles, top-5, attacks, calibration.

`python -m experiments.papers.online_label_smoothing.scores --workdir=DIR` writes `DIR/OLS/scores.md`. Clean accuracy
stands in the table of all results.
"""

import pathlib

import numpy as np
from absl import flags

from experiments import report, results, terminal
from experiments.papers.online_label_smoothing import published

_LEGEND = (
    "Percent, and nats for the divergence from annotators; mean ± standard deviation over seeds. Of an ensemble: test "
    "accuracy of the mean probabilities of so many epochs. FGSM, PGD: test accuracy after the attack."
)
# Key of a score ("/" for one within a dict): what it is called, and the factor to its unit.
_KEYS = {
    **{f"ensembles/{count}": (f"{count} models", 100) for count in ("6", "10", "15", "20")},
    "test_top5_accuracy": ("top 5", 100),
    "fgsm_accuracy": ("FGSM", 100),
    "fgsm_top5_accuracy": ("FGSM, top 5", 100),
    "pgd_accuracy": ("PGD", 100),
    "pgd_top5_accuracy": ("PGD, top 5", 100),
    "human_divergence": ("divergence from humans", 1),
    "test_ece_15_bins": ("calibration error", 100),
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
    mine = [result for result in runs if result["settings"]["name"].startswith("OLS/")]
    for name, group in report.by_experiment(mine).items():
        for key, (title, factor) in _KEYS.items():
            scores = [_score(result["scores"], key) for result in group]
            values = [factor * score for score in scores if score is not None]
            if values:
                published_one = PUBLISHED.get(name, {}).get(key)
                lines.append([name, title, _text(published_one), _text(_mean(values)), str(len(values))])
    return lines


def _score(scores, key):
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
    results.write_whole(folder / "OLS" / "scores.md", lambda file: file.write_text(text))
    terminal.console().print(text, markup=False)


if __name__ == "__main__":
    flags.DEFINE_string("workdir", "results", "Folder of finished runs.")
    terminal.start(main)
