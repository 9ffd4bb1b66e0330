"""The paper's figures, into `DIR/LN/`: `python -m experiments.papers.logistic_normal.figures --workdir=DIR`.

    figure1    a Gaussian over logits beside its density on the simplex
    figure2    the bound that min_scale sets on the attenuation of the loss
    figure3    decision regions on two moons and on two circles
    figure4    accuracies during training by noise rate, of finished runs of Table 1
    figure5    accuracy by temperature and min_scale, of finished runs of `studies.FIGURE_5`
    figure6    the label-dependent term of correctly labelled and mislabelled examples (Figures 6 and 7)

Figures 4 to 6 are those of one setting, `--label`: the paper's Figure 7 is `--figures=6` with `--label=mnist
--noises=symmetric40`, or `--label=cifar10n-worst --noises=human`. Models of Figures 3 and 6 that are missing are
trained: they are not under version control.
"""

import functools

import numpy as np
from absl import flags

from experiments import evaluation, results
from experiments.console import shared_flags, terminal
from experiments.evaluation import summaries
from experiments.papers.drawing import draw, missing_run
from experiments.papers.logistic_normal import studies
from experiments.papers.logistic_normal.methods import METHODS
from experiments.run import trained
from tfp_noise import _validation, metrics, visualization


def simplex():
    """Draw Figure 1: a mean of the first class, and a scale (Eq. 9) towards the label of the second (Eq. 7)."""
    loc, target = np.array([2.0, 0.5]), np.array([0.0, np.log((0.99 * 3 + 0.01) / 0.01)])
    towards = (target - loc) / np.linalg.norm(target - loc)
    return visualization.logits_and_simplex(loc, 0.5 * np.eye(2) + np.outer(towards, towards))


def decision_regions(dataset, seed, workdir):
    """Draw Figure 3: the trained classifiers of one data set of the plane."""
    chosen = [e.with_seed(seed) for e in studies.FIGURE_3 if e.dataset == dataset]
    first = chosen[0]
    points = first.noisy_data(None).train
    classifiers = {
        e.method.label: functools.partial(trained(e, workdir).predict, batch_size=1000, verbose=0) for e in chosen
    }
    wrong = f"{points.mislabelled.sum()} of {len(points)} labels wrong"
    title = f"{dataset.replace('_', ' ')}, {first.noise.kind} noise {first.noise.rate:.0%}: {wrong}"
    return visualization.decision_regions(points.features, points.labels, points.observed, classifiers, title)


def training(workdir, label, methods, seed):
    """Draw Figure 4: the curves of finished runs of Table 1 with symmetric noise.

    Args:
        workdir: folder of finished runs.
        label: a setting of Table 1, as "laptop-digits".
        methods: labels of methods, a column each.
        seed: int, the runs' seed.

    Returns:
        A `matplotlib.figure.Figure`.

    Raises:
        ValueError: for a method that the tables do not have.
        FileNotFoundError: if a method has no finished run.
    """
    histories = {_validation.check_choice("method", method, METHODS): {} for method in methods}
    for result in results.load(workdir).values():
        settings = result["settings"]
        *folders, method = settings["name"].split("/")
        wanted = folders[:3] == ["LN", "table1", label] and settings["noise"]["kind"] == "symmetric"
        if wanted and settings["seed"] == seed and method in histories:
            histories[method][settings["noise"]["rate"]] = result["curves"]
    for method, by_rate in histories.items():
        if not by_rate:
            raise missing_run(f"LN/table1/{label}/symmetric40/{method}", workdir, seed)
    return visualization.training_by_noise_rate(histories, f"{label}, symmetric noise, seed {seed}")


def sensitivity(workdir, label):
    """Draw Figure 5: clean test accuracy of the finished runs of `studies.FIGURE_5`, all seeds.

    Args:
        workdir: folder of finished runs.
        label: a setting of Table 1, as "laptop-digits".

    Raises:
        FileNotFoundError: if there is none.
    """
    under = f"LN/figure5/{label}/symmetric40"
    scores = {}
    for name, group in summaries.by_experiment(results.load(workdir).values()).items():
        if name.startswith(f"{under}/"):
            arguments = group[0]["settings"]["method"]["arguments"]
            scores[arguments["temperature"], arguments["min_scale"]] = summaries.values(group, "test")
    if not scores:
        raise missing_run(under, workdir)
    seeds = max(map(len, scores.values()))
    title = f"{label}, symmetric noise 40%, {seeds} seed{'s' if seeds > 1 else ''}"
    return visualization.score_by_temperature_and_min_scale(scores, title=title)


def label_dependent_terms(learned, identity, workdir, data_dir=None):
    """Draw Figures 6 and 7: the terms of training examples, for two experiments that differ in the covariance alone.

    Args:
        learned: an `Experiment` with a learned covariance.
        identity: the same with the identity.
        workdir: folder of finished runs.
        data_dir: where TensorFlow Datasets keeps its data.
    """
    examples = evaluation.sample(learned.noisy_data(data_dir).train)

    def term(experiment, as_identity):
        model = trained(experiment, workdir, data_dir)
        outputs = evaluation.predict(model.network, examples)
        return metrics.label_dependent_term(model.loss, examples.observed, outputs, identity=as_identity)

    terms = {
        r"trained with $\Sigma = I$": term(identity, as_identity=True),
        r"trained with learned $\Sigma$, seen with $I$": term(learned, as_identity=True),
        r"trained with learned $\Sigma$, seen with it": term(learned, as_identity=False),
    }
    return visualization.label_dependent_densities(
        terms, examples.mislabelled, f"{learned.dataset}, {learned.noise.name}, seed {learned.seed}"
    )


_FIGURES = {
    "1": lambda _: {"figure1": simplex()},
    "2": lambda _: {"figure2": visualization.loss_by_residual(studies.MIN_SCALES)},
    "3": lambda args: {
        f"figure3/{dataset}": decision_regions(dataset, args.seed, args.workdir) for dataset in studies.DATASETS
    },
    "4": lambda args: {f"figure4/{args.label}": training(args.workdir, args.label, args.methods, args.seed)},
    "5": lambda args: {f"figure5/{args.label}": sensitivity(args.workdir, args.label)},
    "6": lambda args: {
        f"figure6/{args.label}-{noise}": label_dependent_terms(
            *(e.with_seed(args.seed) for e in studies.covariances(args.label, noise)), args.workdir, args.data_dir
        )
        for noise in args.noises
    },
}


def main():
    """Draw the figures of the flags."""
    draw(_FIGURES, flags.FLAGS, "LN")


if __name__ == "__main__":
    flags.DEFINE_multi_enum("figures", list(_FIGURES), list(_FIGURES), "Figures to draw.")
    flags.DEFINE_string(
        "label", "laptop-digits", "Setting of Figures 4 to 6: of Table 1, and for Figure 6 also of Table 2."
    )
    flags.DEFINE_list("noises", ["symmetric40", "asymmetric20"], "Noises of Figure 6.")
    flags.DEFINE_list("methods", ["Het-tau-Sigma_full", "LN"], "Columns of Figure 4.")
    shared_flags.define_seed("Seed of the runs of Figures 3, 4 and 6.")
    shared_flags.define_workdir_to_read()
    shared_flags.define_data_dir()
    terminal.start(main)
