"""Page of the authors' training beside ours: `python -m experiments.reconstruction.table`."""

import pathlib

import numpy as np
from absl import flags
from scipy import stats

from experiments import papers, results
from experiments.console import shared_flags, terminal
from experiments.evaluation import summaries
from experiments.evaluation.paired_tests import FEWEST_SEEDS
from experiments.reconstruction import measure

_PRINTED_SEEDS = 5  # of each number of the paper's Table 1
_HEAD = ["seed", "ours: test", "most wrong labels", "at the end"]
_HEAD += ["anew: test", "with the dummy class", "most wrong labels", "at the end"]
_NOTE = """# Logistic-Normal on MNIST beside the authors' training put together anew

The Logistic-Normal likelihood under asymmetric noise of 40 %, LeNet-5 of the authors' code, 45,000 images, 100 epochs:
our runs of `{experiment}`, and the same training without the losses and the
classifier of this package, by TensorFlow Probability's distribution and bijectors and by Keras 2
([program](../../experiments/reconstruction/measure.py)). The two have the same images and, where the seed is the same,
the same wrong labels; initial weights and the order of examples differ. The paper prints {mean:.2f} ± {deviation:.2f},
of {printed} seeds.

Test: accuracy on clean test labels after the last epoch, %; with the dummy class: where it may be predicted, too, as
the authors count. Most wrong labels: the highest fraction of a sample of the wrong training labels that is predicted
after an epoch, %, and that epoch; then the fraction at the end. Ours are measured after every fourth epoch. Empty cells
were not measured.

Made by `python -m experiments.reconstruction.measure`, which trains the seeds that are missing, half an hour each on
one core, then `.table`.

"""


def main():
    """Write `table.md` from the results of both trainings."""
    folder = pathlib.Path(flags.FLAGS.results)
    results.write_text(folder / "table.md", page(folder, pathlib.Path(flags.FLAGS.workdir)))


def page(folder, workdir):
    """Return the text of the page.

    Args:
        folder: `pathlib.Path` of the results of `experiments.reconstruction.measure`.
        workdir: `pathlib.Path` of finished runs.
    """
    mean, deviation = papers.find(measure.EXPERIMENT).published
    note = _NOTE.format(experiment=measure.EXPERIMENT, mean=mean, deviation=deviation, printed=_PRINTED_SEEDS)
    sound = results.load_sound(workdir / measure.EXPERIMENT, papers.EXPERIMENTS)
    runs = {result["settings"]["seed"]: result for result in sound.values()}
    found = {int(path.stem.split("-")[1]): results.read_measured(path) for path in folder.glob("training-*.json")}
    for seed in runs.keys() & found.keys():
        ours, theirs = runs[seed]["resolved"].get("data"), found[seed]["data"]
        if ours not in (None, theirs):
            raise ValueError(f"Seed {seed} must have the same images and labels in both. Received: {ours}, {theirs}.")
    seeds = sorted(runs.keys() | found.keys())
    rows = [[f"{seed}", *_ours(runs.get(seed)), *_anew(found.get(seed))] for seed in seeds]
    ends = {
        "ours": {seed: 100 * result["scores"]["test_accuracy"] for seed, result in runs.items()},
        "anew": {seed: 100 * result["scores"]["test_accuracy"] for seed, result in found.items()},
    }
    return note + summaries.markdown_table([_HEAD, *rows]) + "\n" + "\n".join(_compared(ends, mean, deviation)) + "\n"


def _ours(result):
    """The cells of a run."""
    if result is None:
        return [""] * 3
    curves = result["curves"]
    predicted = _predicted(curves["train_accuracy_mislabelled"], curves["epoch"])
    return [_percent(result["scores"]["test_accuracy"]), *predicted]


def _anew(result):
    """The cells of a training that was put together anew."""
    if result is None:
        return [""] * 4
    curve = result["curves"]["memorised"]
    ends = [_percent(result["scores"][name]) for name in ("test_accuracy", "test_accuracy_with_dummy_class")]
    return [*ends, *_predicted(curve, range(1, len(curve) + 1))]


def _predicted(curve, epochs):
    """The highest and the last of the fractions of wrong labels that are predicted."""
    highest = int(np.argmax(curve))
    return f"{_percent(curve[highest])}, epoch {epochs[highest]}", _percent(curve[-1])


def _percent(value):
    return f"{100 * value:.2f}"


def _compared(ends, mean, deviation):
    """A sentence for each training, and one for both of them."""
    for name, scores in ends.items():
        values = list(scores.values())
        if len(values) < FEWEST_SEEDS:
            yield f"- {name}: {len(values)} seeds, too few to compare."
            continue
        own = np.mean(values), np.std(values, ddof=1)
        p = stats.ttest_ind_from_stats(*own, len(values), mean, deviation, _PRINTED_SEEDS, equal_var=False).pvalue
        text = f"- {name}: {own[0]:.2f} ± {own[1]:.2f}, {len(values)} seeds; Welch's test against the printed number, "
        yield text + f"p = {p:.3f}."
    ours, anew = (list(scores.values()) for scores in ends.values())
    if min(len(ours), len(anew)) >= FEWEST_SEEDS:
        p = stats.ttest_ind(ours, anew, equal_var=False).pvalue
        ranks = stats.mannwhitneyu(ours, anew).pvalue
        gap = np.mean(ours) - np.mean(anew)
        yield f"- ours against anew: {gap:+.2f}, Welch's p = {p:.3f}, Mann-Whitney's p = {ranks:.3f}."


if __name__ == "__main__":
    flags.DEFINE_string("results", "results/reconstruction", "Folder of results.")
    shared_flags.define_workdir_to_read()
    terminal.start(main)
