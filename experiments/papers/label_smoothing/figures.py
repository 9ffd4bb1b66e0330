"""The paper's figures from finished runs of one group, written into its folder.

`python -m experiments.papers.label_smoothing.figures --under=LS/alpha/laptop-digits/symmetric20 --workdir=DIR`

    figure1    the losses of the methods as functions of the margin
    figure2    test accuracy against alpha, and table4 the calibration error
    figure3    logit of the true and of the observed label above the mean logit (Figures 3 and 7)
    figure4    pre-logits of three classes on the plane of their class vectors (Figures 4, 8 and 9)
    figure6    a student's test accuracy against its teacher's alpha, where such runs are at hand

and those that compare the methods' learning and reliability. Models that are missing are trained: they are not under
version control. Figure 5 is `experiments.papers.label_smoothing.separators`.
"""

import pathlib
import types

from absl import flags

from experiments import evaluation, papers, report, results, terminal
from experiments.papers.label_smoothing.settings import FAMILIES, names
from experiments.run import trained
from tfp_noise import visualization

_AXES = {"test": "clean test accuracy, %", "ECE 100": "expected calibration error, 100 bins"}


def losses_by_margin(experiments):
    """Figure 1: the experiments' losses, for two classes."""
    two_classes = types.SimpleNamespace(num_classes=2)
    return visualization.loss_by_margin(
        {e.method.label: e.method.build_loss(two_classes, None) for e in experiments if not e.method.needs_predecessor}
    )


def by_alpha(runs, folder, names, heading):
    """Scores `{alpha: values}` under a heading of the table, of the runs in `folder` that `{alpha: name}` names."""
    groups = report.by_experiment(runs)
    found = {alpha: groups.get(f"{folder}/{name}", []) for alpha, name in names.items()}
    return {alpha: report.values(group, heading) for alpha, group in found.items() if group}


def representations(model, examples):
    """What a run's network makes of training examples: logits, penultimate features, and the last layer's kernel.

    Returns:
        Logits `[n, num_classes]`, features `[n, size]`, kernel `[size, num_classes]`.
    """
    features = evaluation.predict(visualization.penultimate(model), examples)
    kernel, bias = (weights.numpy() for weights in model.network.layers[-1].weights)
    return features @ kernel + bias, features, kernel


def draw(experiments, classes, workdir, data_dir):
    """All figures of one group.

    Args:
        experiments: those to compare in Figures 1, 3 and 4, of one group and seed.
        classes: the three classes of Figure 4.
        workdir: folder of finished runs.
        data_dir: where TensorFlow Datasets keeps its data.

    Returns:
        A dict from name to figure.
    """
    first = experiments[0]
    noisy = first.noise.apply(first.source.load(first.dataset, data_dir), first.seed)
    examples = evaluation.sample(noisy.train)
    seen = {e.method.label: representations(trained(e, workdir, data_dir), examples) for e in experiments}
    under = first.name.rsplit("/", 1)[0]
    labels = (examples.labels, examples.observed)
    logits = {label: logits for label, (logits, _, _) in seen.items()}
    planes = {label: (features, kernel) for label, (_, features, kernel) in seen.items()}
    found = results.load(workdir)
    runs = list(found.values())
    by_run = {
        (result["settings"]["name"], result["settings"]["seed"]): (path, result) for path, result in found.items()
    }
    methods = {e.method.label: by_run[e.name, e.seed] for e in experiments}
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


def check_classes(texts):
    """The classes that `--classes` names, as ints."""
    if not all(text.isdigit() for text in texts) or len(set(texts)) != 3:
        raise ValueError(f"`--classes` must be three different class indices, as in 0,1,2. Received: {texts}.")
    return [int(text) for text in texts]


def main():
    """Draws what the flags say."""
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
    flags.DEFINE_integer("seed", 0, "Seed of the runs to compare.", lower_bound=0)
    flags.DEFINE_string("workdir", "results", "Folder of finished runs.")
    flags.DEFINE_string("data_dir", None, "Where TensorFlow Datasets keeps its data.")
    terminal.start(main)
