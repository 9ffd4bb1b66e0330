"""Choice of hyperparameters on held-out observed labels, as in the Logistic-Normal paper (appendix B.2).

`python -m experiments.search --experiment=LN/table1/laptop-digits/symmetric40/LN --seed=0 --workdir=DIR`

One seed, every point of the method's grid, the highest accuracy at the end of training; the first of equal ones,
because the paper does not say. A trial is a run like any other and is not repeated, so that the same command goes on.
Needs KerasTuner, which the extras `search` and `dev` bring. Validation labels are as noisy as those of training;
Clothing1M's are published clean. `--more_seeds` then trains the chosen values with other seeds, as the paper does.
"""

import dataclasses
import math
import pathlib

import keras
from absl import flags
from rich import box
from rich.table import Table

from experiments import papers, results
from experiments.console import shared_flags, terminal
from experiments.papers.logistic_normal.methods import preset, space
from experiments.results import locks
from experiments.run import run, run_all
from tfp_noise.search.walk import walk

_OBJECTIVE = "validation_accuracy_observed"
_SHOWN = (_OBJECTIVE, "test_accuracy")


def search(experiment, grid, workdir, data_dir=None):
    """Run an experiment at every point of a grid, and store all trials and the chosen values.

    A trial that fails, because it diverged, does not stop the others.

    Args:
        experiment: an `Experiment`; the trials' names are `experiment.name/search/VALUES`.
        grid: a dict from argument of the method's loss to the values to try.
        workdir: as in `experiments.run.run`. The outcome becomes `experiment.name/search/seedN/search.json` in it, for
            seed N; what KerasTuner writes lies beside that.
        data_dir: as in `experiments.run.run`.

    Returns:
        What `search.json` holds: "settings" of the experiment, "grid", "trials" in their order, "chosen" values, and
        "made_by".

    Raises:
        ValueError: if the grid is empty, no trial finishes, or `workdir` holds a result of other settings.
    """
    if not grid:
        raise ValueError(
            "`experiment` must be one of a method with hyperparameters to search over. Received: "
            f"{experiment.name!r}, whose method {experiment.method.label!r} has none."
        )
    folder = pathlib.Path(workdir) / experiment.name / "search" / f"seed{experiment.seed}"
    with locks.alone(folder.with_suffix(".lock"), f"The search of {experiment.name} seed {experiment.seed}"):
        return _search(experiment, grid, folder, workdir, data_dir)


def _search(experiment, grid, folder, workdir, data_dir):
    """The search of one process alone, because KerasTuner empties its folder first."""
    count, console, trials = math.prod(map(len, grid.values())), terminal.console(), []

    def accuracy(_, values):
        variant = _variant(experiment, values)
        title = f"{len(trials) + 1}/{count} {variant.name} seed {experiment.seed}"
        results.find(variant, workdir)  # a result of other settings is an error, not a trial that failed
        try:
            scores = run(variant, workdir, data_dir)["scores"]
        except (ValueError, FloatingPointError) as error:
            trials.append({"values": values, "failed": str(error)})
            console.print(f"{title}: failed: {error}", markup=False)
        else:
            trials.append({"values": values, **{key: scores[key] for key in _SHOWN}})
            console.print(f"{title}: accuracy on validation labels {scores[_OBJECTIVE]:.2%}")
        keras.backend.clear_session()  # else every trained model's functions stay in memory
        return trials[-1].get(_OBJECTIVE)

    walk({experiment.method.label: grid}, accuracy, folder)
    finished = [trial for trial in trials if "failed" not in trial]
    if not finished:
        raise ValueError(f"None of the {count} trials finished, see the messages above: nothing to choose from.")
    outcome = {
        "settings": experiment.settings(),
        "grid": grid,
        "trials": trials,
        "chosen": max(finished, key=lambda trial: trial[_OBJECTIVE])["values"],
        "made_by": results.made_by(),
    }
    results.write_json(folder / "search.json", outcome)
    return outcome


def _variant(experiment, values):
    """`experiment` with these values."""
    method = experiment.method
    point = "-".join(f"{name}{value}" for name, value in values.items())
    return dataclasses.replace(
        experiment,
        name=f"{experiment.name}/search/{point}",
        method=dataclasses.replace(
            method, label=f"{method.label} {_text(values)}", arguments={**method.arguments, **values}
        ),
        published=None,
    )


def _text(values):
    return ", ".join(f"{name} {value}" for name, value in values.items())


def table(outcome, published):
    """Return the trials as a table for a terminal.

    Args:
        outcome: as `search` returns it.
        published: a dict, the values that the paper's search chose.
    """
    shown = Table(
        caption="Accuracies in percent. The first of equal ones is chosen; the clean test labels have no part in it.",
        box=box.SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
    )
    for heading in [*outcome["grid"], "validation", "clean test"]:
        shown.add_column(heading, justify="right")
    shown.add_column("")
    for trial in outcome["trials"]:
        values, those = trial["values"], {"chosen": outcome["chosen"], "the paper's": published}
        accuracies = ["failed", "–"] if "failed" in trial else [f"{100 * trial[key]:.2f}" for key in _SHOWN]
        remarks = ", ".join(remark for remark, special in those.items() if special == values)
        shown.add_row(*map(str, values.values()), *accuracies, remarks)
    return shown


def main():
    """Search as the flags say, and print the trials and the choice."""
    args = flags.FLAGS
    experiment = papers.find(args.experiment).with_seed(args.seed)
    method, dataset = experiment.method.label, experiment.dataset
    more_seeds = shared_flags.check_seeds(args.more_seeds) if args.more_seeds else []
    grid = space(method, dataset)
    published = {name: preset(method, dataset, experiment.noise)[name] for name in grid}
    outcome = search(experiment, grid, args.workdir, args.data_dir)
    chosen = outcome["chosen"]
    verdict = "as in the paper" if chosen == published else f"in the paper: {_text(published)}"
    terminal.console().print(table(outcome, published), f"Chosen: {_text(chosen)}; {verdict}.")
    if more_seeds:
        seeds = [args.seed, *more_seeds]
        run_all([_variant(experiment, chosen).with_seed(seed) for seed in seeds], args.workdir, args.data_dir)


if __name__ == "__main__":
    flags.DEFINE_string("experiment", None, "Name of an experiment; a wrong one lists the near ones.", required=True)
    shared_flags.define_seed()
    flags.DEFINE_list("more_seeds", [], "More seeds to train the chosen values with.")
    shared_flags.define_workdir_to_write()
    shared_flags.define_data_dir()
    terminal.start(main)
