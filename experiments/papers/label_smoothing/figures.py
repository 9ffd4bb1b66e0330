"""The paper's figures from finished runs of one group, written into its folder.

`python -m experiments.papers.label_smoothing.figures --under=LS/alpha/laptop-digits/symmetric20 --workdir=DIR`

    figure1    the losses of the methods as functions of the margin
    figure2    test accuracy against alpha, and table4 the calibration error (`--figures=2`), all seeds
    figure3    logit of the true and of the observed label above the mean logit (Figures 3 and 7)
    figure4    pre-logits of three classes on the plane of their class vectors (Figures 4, 8 and 9)
    figure6    a student's test accuracy against its teacher's alpha, all seeds

Models of Figures 3 and 4 that are missing are trained: they are not under version control. Figure 5, which no
experiment stands behind, is `experiments.papers.label_smoothing.separators`. The paper calls the quantity of Figures 3
and 7 a logit; their range would also fit probabilities.
"""

import types

from absl import flags

from experiments import evaluation, papers, results
from experiments.console import shared_flags, terminal
from experiments.papers.drawing import by_alpha, check_classes, draw, missing_run
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


def of_models(args, panel, draw_one):
    """Draw Figure 3 or 4: a panel a method, of the same training examples.

    Args:
        args: flags.
        panel: a function from logits, features and kernel to what one panel shows.
        draw_one: a function from the panels by method, the true and the observed labels, and a title to the figure.
    """
    chosen = compared(args)
    examples = evaluation.sample(chosen[0].noisy_data(args.data_dir).train)
    seen = {e.method.label: panel(*representations(trained(e, args.workdir, args.data_dir), examples)) for e in chosen}
    return draw_one(seen, examples.labels, examples.observed, f"{args.under}, seed {args.seed}")


def scores_by_alpha(args, heading):
    """Draw Figure 2 or Table 4: a score of all finished runs of the group, a line a family of methods.

    Raises:
        FileNotFoundError: if there is none.
    """
    runs = results.load(args.workdir).values()
    scores = {family: by_alpha(runs, args.under, names(family), heading) for family in FAMILIES}
    scores = {family: points for family, points in scores.items() if points}
    if not scores:
        raise missing_run(args.under, args.workdir, args.seed)
    return visualization.score_by_alpha(scores, _AXES[heading], args.under)


def students(args):
    """Draw Figure 6: students of the group's data and noise, all seeds; nothing for a group that has none.

    Raises:
        FileNotFoundError: if none was run.
    """
    folder = args.under.replace("/alpha/", "/figure6/")
    teachers = {alpha: f"teacher-{name}" for alpha, name in names("LS").items()}
    if not papers.EXPERIMENTS.keys() & {f"{folder}/{name}" for name in teachers.values()}:
        terminal.console().print(f"No Figure 6: {args.under} has no students.")
        return {}
    scores = by_alpha(results.load(args.workdir).values(), folder, teachers, "test")
    if not scores:
        raise missing_run(folder, args.workdir, args.seed)
    return {"figure6": visualization.score_by_alpha({"student": scores}, _AXES["test"], f"{args.under}, distilled")}


def compared(args):
    """Return the experiments of the flags' methods."""
    return [papers.find(f"{args.under}/{method}").with_seed(args.seed) for method in args.methods]


def _gaps(args):
    return of_models(args, lambda logits, *_: logits, visualization.logit_gap_densities)


def _planes(args):
    def draw_one(planes, labels, observed, title):
        return visualization.class_plane_projection(planes, labels, observed, check_classes(args.classes), title)

    return of_models(args, lambda _, features, kernel: (features, kernel), draw_one)


_FIGURES = {
    "1": lambda args: {"figure1": losses_by_margin(compared(args))},
    "2": lambda args: {"figure2": scores_by_alpha(args, "test"), "table4": scores_by_alpha(args, "ECE 100")},
    "3": lambda args: {"figure3": _gaps(args)},
    "4": lambda args: {"figure4": _planes(args)},
    "6": students,
}


def main():
    """Draw the figures of the flags."""
    args = flags.FLAGS
    args.under = args.under.rstrip("/")
    compared(args)  # an unknown method ends the script before anything is trained, and so does a class
    check_classes(args.classes)
    draw(_FIGURES, args, args.under)


if __name__ == "__main__":
    flags.DEFINE_multi_enum("figures", list(_FIGURES), list(_FIGURES), "Figures to draw.")
    flags.DEFINE_string("under", "LS/alpha/laptop-digits/symmetric20", "Folder of the runs of one data set and noise.")
    flags.DEFINE_list("methods", ["CE", "LS0.2", "FC0.2", "BC0.2"], "Methods to compare.")
    flags.DEFINE_list("classes", ["0", "1", "2"], "The three classes of Figure 4.")
    shared_flags.define_seed("Seed of the runs to compare.")
    shared_flags.define_workdir_to_read()
    shared_flags.define_data_dir()
    terminal.start(main)
