"""The paper's figures from finished runs, into `DIR/OLS/`.

`python -m experiments.papers.online_label_smoothing.figures --workdir=DIR --label=laptop-digits`

    figure4     training and test error by epoch, a column a noise rate (Table VII's runs)
    figure5     error on mislabelled examples by their wrong label, by epoch, at 40 % noise (the same runs)
    figure7a    test error against alpha, all seeds
    figure7b    test error against the period of the updates, all seeds
"""

from absl import flags

from experiments import results
from experiments.console import shared_flags, terminal
from experiments.evaluation import summaries
from experiments.papers.drawing import draw, missing_run
from experiments.papers.online_label_smoothing import studies
from experiments.papers.online_label_smoothing.methods import ONLINE
from experiments.papers.online_label_smoothing.settings import NOISES
from tfp_noise import visualization

_ERROR = "clean test error, %"


def errors(workdir, label, methods, seed, rates, **kwargs):
    """Draw Figures 4 and 5: curves of finished runs of Table VII.

    Args:
        workdir: folder of finished runs.
        label: a setting of Table VII, as "laptop-digits".
        methods: labels of methods, a line each.
        seed: int, the runs' seed.
        rates: noise rates in percent, a column each.
        **kwargs: as in `visualization.errors_by_noise_rate`.

    Returns:
        A `matplotlib.figure.Figure`.

    Raises:
        FileNotFoundError: if a run is missing.
    """
    found = {
        (result["settings"]["name"], result["settings"]["seed"]): result["curves"]
        for result in results.load(workdir).values()
    }
    histories = {}
    for rate in rates:
        names = {method: f"OLS/table7/{label}/{NOISES[rate].name}/{method}" for method in methods}
        for name in names.values():
            if (name, seed) not in found:
                raise missing_run(name, workdir, seed)
        histories[rate / 100] = {method: found[name, seed] for method, name in names.items()}
    return visualization.errors_by_noise_rate(histories, title=f"{label}, seed {seed}", **kwargs)


def _test_errors(workdir, under, argument):
    """Test errors in percent of all seeds below a folder, by the value of an argument of the loss."""
    found = {}
    for name, group in summaries.by_experiment(results.load(workdir).values()).items():
        if name.startswith(f"{under}/"):
            value = group[0]["settings"]["method"]["arguments"].get(argument)
            found[value] = [100 - accuracy for accuracy in summaries.values(group, "test")]
    if not found:
        raise missing_run(under, workdir)
    return found


def by_alpha(workdir, label):
    """Draw Figure 7a of all finished runs of a setting.

    Args:
        workdir: folder of finished runs.
        label: text, the setting.

    Raises:
        FileNotFoundError: if there is none.
    """
    scores = _test_errors(workdir, f"OLS/figure7a/{label}/none", "alpha")
    return visualization.score_by_alpha({"OLS": scores}, _ERROR, f"{label}: 0 soft labels only, 1 cross-entropy")


def by_period(workdir, label):
    """Draw Figure 7b of all finished runs of a setting.

    Args:
        workdir: folder of finished runs.
        label: text, the setting.

    Raises:
        FileNotFoundError: if there is none.
    """
    epoch = studies.steps_per_epoch(label)
    scores = {}
    for period, values in _test_errors(workdir, f"OLS/figure7b/{label}/none", "update_period").items():
        scores.setdefault(period or epoch, []).extend(values)
    return visualization.score_by_update_period(scores, epoch, _ERROR, label)


_FIGURES = {
    "4": lambda args: {
        f"figure4/{args.label}": errors(args.workdir, args.label, args.methods, args.seed, (20, 40, 60))
    },
    "5": lambda args: {
        f"figure5/{args.label}": errors(
            args.workdir, args.label, args.methods, args.seed, (40,), keys=("train_accuracy_mislabelled",)
        )
    },
    "7a": lambda args: {f"figure7a/{args.label}": by_alpha(args.workdir, args.label)},
    "7b": lambda args: {f"figure7b/{args.label}": by_period(args.workdir, args.label)},
}


def main():
    """Draw the figures of the flags."""
    draw(_FIGURES, flags.FLAGS, "OLS")


if __name__ == "__main__":
    flags.DEFINE_multi_enum("figures", list(_FIGURES), list(_FIGURES), "Figures to draw.")
    flags.DEFINE_string("label", "laptop-digits", "Setting: of Table VII (Figures 4 and 5), or of Figure 7.")
    flags.DEFINE_list("methods", ["CE", "LS", ONLINE.label], "Lines of Figures 4 and 5.")
    shared_flags.define_seed("Seed of the runs of Figures 4 and 5.")
    shared_flags.define_workdir_to_read()
    terminal.start(main)
