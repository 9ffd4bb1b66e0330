"""The paper's figures from finished runs, into `DIR/LLS/`.

`python -m experiments.papers.learnable_label_smoothing.figures --workdir=DIR --label=laptop-fashion_mnist`

    figure4    the rows that LLS and OLS have learned beside the network's confusions (Figures 3 and 4)
    figure6    features of three classes, and the distances of their means
    figure7    accuracy against alpha, all seeds
    figure8    features of all classes, and the distances of their means (Figures 5 and 8)
    figure9    the Q that each row of the ablation has learned

Figures 4, 6 and 8 show Table 3's runs with one noise, `--noise`. Models that are missing beside finished runs are
trained: they are not under version control.
"""

from absl import flags

from experiments import evaluation, papers, results
from experiments.console import shared_flags, terminal
from experiments.experiment import CLEAN, CROSS_ENTROPY
from experiments.papers.drawing import by_alpha, check_classes, draw, missing_run, seeds_text
from experiments.papers.learnable_label_smoothing.methods import ABLATION, LEARNABLE, ONLINE, SMOOTHING
from experiments.run import trained
from tfp_noise import visualization


def _runs(folder, methods, seed, workdir):
    """Finished runs of one folder.

    Returns:
        A dict from a method's label to its experiment and its result.

    Raises:
        FileNotFoundError: if one is missing.
    """
    found = {}
    for method in methods:
        experiment = papers.find(f"{folder}/{method.label}").with_seed(seed)
        result = results.find(experiment, workdir)
        if result is None:
            raise missing_run(experiment.name, workdir, seed)
        found[method.label] = experiment, result
    return found


def _data(runs, data_dir):
    """The noisy data set of the runs of one folder."""
    experiment, _ = next(iter(runs.values()))
    return experiment.noisy_data(data_dir)


def similarities(folder, methods, seed, workdir, data_dir=None, *, beside_confusion=True):
    """Draw Figures 3, 4 and 9: a panel a method, and the confusion matrix of the last one's test split.

    Args:
        folder: folder of the names of the runs, as "LLS/table3/laptop-digits/none".
        methods: a sequence of `Method`, each with a loss that learns rows.
        seed: int, the runs' seed.
        workdir: folder of finished runs.
        data_dir: where TensorFlow Datasets keeps its data.
        beside_confusion: bool, draw the confusion matrix.

    Returns:
        A `matplotlib.figure.Figure`.

    Raises:
        FileNotFoundError: if a run is missing.
    """
    runs = _runs(folder, methods, seed, workdir)
    title, confusion = f"{folder}, seed {seed}", None
    if beside_confusion:
        last = methods[-1].label
        title, confusion = f"{title}; confusion of {last} on test images", runs[last][1]["test_confusion"]
    learned = {label: result["class_rows"] for label, (_, result) in runs.items()}
    return visualization.class_similarities(learned, _data(runs, data_dir).class_names, confusion, title)


def clusters(folder, seed, workdir, data_dir=None, classes=None):
    """Draw Figures 5, 6 and 8: the inputs of the last layers of CE, LS, LLS and OLS, of at most 5,000 examples.

    Args:
        folder: as in `similarities`.
        seed: int, the runs' seed.
        workdir: folder of finished runs.
        data_dir: where TensorFlow Datasets keeps its data.
        classes: list of int, the classes to draw; all by default.

    Returns:
        A `matplotlib.figure.Figure`.

    Raises:
        FileNotFoundError: if a run is missing.
    """
    runs = _runs(folder, (CROSS_ENTROPY, SMOOTHING, LEARNABLE, ONLINE), seed, workdir)
    data = _data(runs, data_dir)
    examples = evaluation.sample(data.train)
    features = {
        label: evaluation.predict(visualization.penultimate(trained(experiment, workdir, data_dir)), examples)
        for label, (experiment, _) in runs.items()
    }
    title = f"{folder}, seed {seed}, training examples"
    return visualization.feature_clusters(features, examples.labels, data.class_names, classes, title=title)


def accuracy_by_alpha(workdir, label):
    """Draw Figure 7 of all finished runs of a setting.

    Args:
        workdir: folder of finished runs.
        label: text, the setting.

    Raises:
        FileNotFoundError: if there is none.
    """
    folder = f"LLS/figure7/{label}/{CLEAN.name}"
    points = {point.method.arguments["alpha"]: point.method.label for point in papers.under(folder)}
    scores = by_alpha(results.load(workdir).values(), folder, points, "test")
    if not scores:
        raise missing_run(folder, workdir)
    title = f"{label}, seeds a point: {seeds_text([len(values) for values in scores.values()])}"
    return visualization.score_by_alpha({LEARNABLE.label: scores}, "clean test accuracy, %", title)


def _of_table_3(number, draw_one):
    """A figure of one setting and noise of Table 3, by `draw_one(folder, args)`."""

    def drawn(args):
        column = f"{args.label}/{args.noise}"
        return {f"figure{number}/{column.replace('/', '-')}": draw_one(f"LLS/table3/{column}", args)}

    return drawn


_FIGURES = {
    "4": _of_table_3(
        4, lambda folder, args: similarities(folder, (ONLINE, LEARNABLE), args.seed, args.workdir, args.data_dir)
    ),
    "6": _of_table_3(
        6,
        lambda folder, args: clusters(folder, args.seed, args.workdir, args.data_dir, check_classes(args.classes)),
    ),
    "7": lambda args: {f"figure7/{args.label}": accuracy_by_alpha(args.workdir, args.label)},
    "8": _of_table_3(8, lambda folder, args: clusters(folder, args.seed, args.workdir, args.data_dir)),
    "9": lambda args: {
        f"figure9/{args.label}": similarities(
            f"LLS/table4/{args.label}/{CLEAN.name}",
            ABLATION,
            args.seed,
            args.workdir,
            args.data_dir,
            beside_confusion=False,
        )
    },
}


def main():
    """Draw the figures of the flags."""
    draw(_FIGURES, flags.FLAGS, "LLS")


if __name__ == "__main__":
    flags.DEFINE_multi_enum("figures", list(_FIGURES), list(_FIGURES), "Figures to draw.")
    flags.DEFINE_string("label", "laptop-fashion_mnist", "Setting: laptop-fashion_mnist or laptop-digits.")
    flags.DEFINE_string("noise", CLEAN.name, "Noise of the runs of Figures 4, 6 and 8: none or symmetric40.")
    flags.DEFINE_list("classes", ["0", "6", "8"], "Classes of Figure 6, by default T-shirt, Shirt and Bag.")
    shared_flags.define_seed("Seed of the runs; Figure 7 has all seeds.")
    shared_flags.define_workdir_to_read()
    shared_flags.define_data_dir()
    terminal.start(main)
