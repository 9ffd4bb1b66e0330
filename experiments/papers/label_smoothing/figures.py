"""The paper's figures from finished runs of one group, written into its folder.

`python -m experiments.papers.label_smoothing.figures --under=LS/alpha/laptop-digits/symmetric20 --workdir=DIR`

    figure1    the losses of the methods as functions of the margin
    figure2    test accuracy against alpha, and table4 the calibration error
    figure3    logit of the true and of the observed label above the mean logit (Figures 3 and 7)
    figure4    pre-logits of three classes on the plane of their class vectors (Figures 4, 8 and 9)
    figure6    a student's test accuracy against its teacher's alpha, if such runs are at hand

and those that compare the methods' learning and reliability. Models that are missing are trained: they are not under
version control. Figure 5, which no experiment stands behind, is `experiments.papers.label_smoothing.separators`. The
paper calls the quantity of Figures 3 and 7 a logit; their range would also fit probabilities.
"""

import pathlib
import types

from absl import flags

from experiments import evaluation, papers, report, results
from experiments.console import shared_flags, terminal
from experiments.papers.drawing import by_alpha, check_classes
from experiments.papers.label_smoothing.methods import FAMILIES, names
from experiments.run import trained
from tfp_noise import visualization

_AXES = {"test": "clean test accuracy, %", "ECE 100": "expected calibration error, 100 bins"}


def losses_by_margin(experiments):
    """Draw Figure 1: the experiments' losses, for two classes."""
    two_classes = types.SimpleNamespace(num_classes=2)
    return visualization.loss_by_margin(
        {e.method.label: e.method.build_loss(two_classes, None) for e in experiments if not e.method.needs_predecessor}
    )


def representations(model, examples):
    """Return a network's logits and penultimate features of training examples, and its last layer's kernel.

    Args:
        model: the model of a run.
        examples: a `datasets.Examples`.

    Returns:
        Logits `[n, num_classes]`, features `[n, size]`, kernel `[size, num_classes]`.
    """
    features = evaluation.predict(visualization.penultimate(model), examples)
    kernel, bias = (weights.numpy() for weights in model.network.layers[-1].weights)
    return features @ kernel + bias, features, kernel


def draw(experiments, classes, workdir, data_dir):
    """Draw all figures of one group.

    Args:
        experiments: those to compare in Figures 1, 3 and 4, of one group and seed.
        classes: the three classes of Figure 4.
        workdir: folder of finished runs.
        data_dir: where TensorFlow Datasets keeps its data.

    Returns:
        A dict from name to figure.
    """
    first = experiments[0]
    examples = evaluation.sample(first.noisy_data(data_dir).train)
    seen = {e.method.label: representations(trained(e, workdir, data_dir), examples) for e in experiments}
    under = first.name.rsplit("/", 1)[0]
    labels = (examples.labels, examples.observed)
    logits = {label: logits for label, (logits, _, _) in seen.items()}
    planes = {label: (features, kernel) for label, (_, features, kernel) in seen.items()}
    found = results.load(workdir)
    runs = list(found.values())

    def of_its_seed_first(experiment):
        same = [run for run in found.items() if run[1]["settings"]["name"] == experiment.name]
        return sorted(same, key=lambda run: run[1]["settings"]["seed"] != experiment.seed)

    methods = {experiment.method.label: of_its_seed_first(experiment) for experiment in experiments}
    figures = report.compare(methods) | {
        "figure1": losses_by_margin(experiments),
        "figure3": visualization.logit_gap_densities(logits, *labels, under),
        "figure4": visualization.class_plane_projection(planes, *labels, classes, under),
    }
    for name, heading in {"figure2": "test", "table4": "ECE 100"}.items():
        scores = {family: by_alpha(runs, under, names(family), heading) for family in FAMILIES}
        figures[name] = visualization.score_by_alpha({f: s for f, s in scores.items() if s}, _AXES[heading], under)
    teachers = {alpha: f"teacher-{name}" for alpha, name in names("LS").items()}
    students = by_alpha(runs, under.replace("/alpha/", "/figure6/"), teachers, "test")
    if students:
        figures["figure6"] = visualization.score_by_alpha({"student": students}, _AXES["test"], f"{under}, distilled")
    return figures


def main():
    """Draw the figures of the flags' group."""
    args = flags.FLAGS
    under = args.under.rstrip("/")
    experiments = [papers.find(f"{under}/{method}").with_seed(args.seed) for method in args.methods]
    figures = draw(experiments, check_classes(args.classes), args.workdir, args.data_dir)
    for name, figure in figures.items():
        results.write_figure(pathlib.Path(args.workdir) / under / f"{name}.png", figure)
    terminal.console().print(f"{', '.join(sorted(figures))}: {args.workdir}/{under}/")


if __name__ == "__main__":
    flags.DEFINE_string("under", "LS/alpha/laptop-digits/symmetric20", "Folder of the runs of one data set and noise.")
    flags.DEFINE_list("methods", ["CE", "LS0.2", "FC0.2", "BC0.2"], "Methods to compare.")
    flags.DEFINE_list("classes", ["0", "1", "2"], "The three classes of Figure 4.")
    shared_flags.define_seed("Seed of the runs to compare.")
    shared_flags.define_workdir_to_read()
    shared_flags.define_data_dir()
    terminal.start(main)
