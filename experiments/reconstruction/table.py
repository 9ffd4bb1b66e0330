"""Page of our training beside a reconstruction of the authors': `python -m experiments.reconstruction.table`."""

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
_HEAD = ["seed", "ours: test", "wrong labels learned, peak", "at the end"]
_HEAD += ["reconstruction: test", "with the dummy class", "its wrong labels learned, peak", "at the end"]
_NOTE = """# Logistic-Normal on MNIST beside a reconstruction of the authors' training

The Logistic-Normal likelihood under asymmetric noise of 40 %, LeNet-5 of the authors' code, 45,000 images, 100 epochs:
our runs of `{experiment}`, and a reconstruction without the losses and the classifier
of this package, by TensorFlow Probability's distribution and bijectors, as appendix D of Englesson et al. says, and by
Keras 2 ([program](../../experiments/reconstruction/measure.py)). Loss, layers, initial weights, order of examples and
optimizer are the reconstruction's own. Images, split and, where the seed is the same, wrong labels are ours, so that it
says nothing of those; and its libraries are today's, not those of 2023. The paper prints {mean:.2f} ± {deviation:.2f},
of {printed} seeds.

Test: accuracy on clean test labels after the last epoch, %; with the dummy class: where it may be predicted, too, as
the authors count. Wrong labels learned: the fraction of a sample of the wrong training labels that is predicted, at the
epoch in parentheses, where it is highest, and at the end, %; ours is measured after every fourth epoch. Empty cells
were not measured.

Made by `python -m experiments.reconstruction.measure`, which trains the seeds that are missing, a quarter of an hour
each on one core, then `.table`.

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

    Raises:
        FileNotFoundError: if there is no run and no reconstruction.
        ValueError: if a file is torn, of other settings, or of other images and labels than the run of its seed.
    """
    mean, deviation = papers.find(measure.EXPERIMENT).published
    note = _NOTE.format(experiment=measure.EXPERIMENT, mean=mean, deviation=deviation, printed=_PRINTED_SEEDS)
    sound = results.load_sound(workdir / measure.EXPERIMENT, papers.EXPERIMENTS)
    ours = {result["settings"]["seed"]: result for result in sound.values()}
    theirs = {one["settings"]["seed"]: one for one in map(measure.read, sorted(folder.glob("training-*.json")))}
    if not ours and not theirs:
        raise FileNotFoundError(
            f"No run of {measure.EXPERIMENT} under {workdir}, and no reconstruction in {folder}. `python -m "
            "experiments.reconstruction.measure` makes the latter."
        )
    for seed in ours.keys() & theirs.keys():
        data = ours[seed]["resolved"].get("data"), theirs[seed]["data"]
        if data[0] not in (None, data[1]):  # runs of the past say nothing of their data
            raise ValueError(f"Seed {seed} must have the same images and labels in both. Received: {data}.")
    seeds = sorted(ours.keys() | theirs.keys())
    rows = [[f"{seed}", *_ours(ours.get(seed)), *_theirs(theirs.get(seed))] for seed in seeds]
    ends = [[100 * one["scores"]["test_accuracy"] for _, one in sorted(group.items())] for group in (ours, theirs)]
    together = _against_printed([*ends[0], *ends[1]], mean, deviation)
    lines = [
        f"- Ours: {_against_printed(ends[0], mean, deviation)}.",
        f"- Reconstruction: {_against_printed(ends[1], mean, deviation)}.",
        f"- Ours against the reconstruction, as unpaired samples: {_against_each_other(*ends)}.",
        f"- Both together, though they share images and wrong labels: {together}.",
    ]
    return note + summaries.markdown_table([_HEAD, *rows]) + "\n" + "\n".join(lines) + "\n"


def _ours(result):
    """The cells of a run."""
    if result is None:
        return [""] * 3
    curves = result["curves"]
    learned = _learned(curves["train_accuracy_mislabelled"], curves["epoch"])
    return [_percent(result["scores"]["test_accuracy"]), *learned]


def _theirs(result):
    """The cells of a reconstruction."""
    if result is None:
        return [""] * 4
    curve = result["curves"]["memorised"]
    ends = [_percent(result["scores"][name]) for name in ("test_accuracy", "test_accuracy_with_dummy_class")]
    return [*ends, *_learned(curve, range(1, len(curve) + 1))]


def _learned(curve, epochs):
    """The highest and the last of the fractions of wrong labels that are predicted."""
    highest = int(np.argmax(curve))
    return f"{_percent(curve[highest])} ({epochs[highest]})", _percent(curve[-1])


def _percent(value):
    return f"{100 * value:.2f}"


def _against_printed(values, mean, deviation):
    if len(values) < FEWEST_SEEDS:
        return f"too few seeds to compare, {len(values)}"
    own = np.mean(values), np.std(values, ddof=1)
    p = stats.ttest_ind_from_stats(*own, len(values), mean, deviation, _PRINTED_SEEDS, equal_var=False).pvalue
    return f"{own[0]:.2f} ± {own[1]:.2f}, {len(values)} seeds; against the printed number {_p(p)} by Welch's t test"


def _against_each_other(ours, theirs):
    if min(len(ours), len(theirs)) < FEWEST_SEEDS:
        return "too few seeds to compare"
    welch = stats.ttest_ind(ours, theirs, equal_var=False)
    low, high = welch.confidence_interval(0.95)
    ranks = stats.mannwhitneyu(ours, theirs).pvalue
    gap = f"{np.mean(ours) - np.mean(theirs):+.2f}, 95 % interval {low:+.1f} to {high:+.1f}"
    return f"{gap}, {_p(welch.pvalue)} by Welch's t test, {_p(ranks)} by Mann and Whitney's"


def _p(value):
    return "p < 0.001" if value < 0.001 else f"p = {value:.3f}"


if __name__ == "__main__":
    flags.DEFINE_string("results", "results/reconstruction", "Folder of results.")
    shared_flags.define_workdir_to_read()
    terminal.start(main)
