"""The pages' tables, from the losses and from the committed results: `python -m experiments.readme`.

Each table stands between `<!-- generated: NAME -->` and `<!-- end -->`; everything else is left as it is.
"""

import functools
import pathlib
import re

import numpy as np

from experiments import overview, papers, report, results
from experiments.console import terminal
from experiments.decision import table as decision_table
from experiments.evaluation import summaries
from experiments.suspects import retrain
from tfp_noise import losses

ROOT = pathlib.Path(__file__).parents[1]
PAGES = tuple(ROOT / f"{name}.md" for name in ("README", "docs/choose_a_loss", "docs/find_wrong_labels", "docs/papers"))
_MARKED = re.compile(r"(<!-- generated: ([\w ]+) -->\n).*?(<!-- end -->)", re.DOTALL)
_FAR = 2  # of the paper's standard deviations
_DEMONSTRATION = {
    "CE": ("cross-entropy", "nothing"),
    "LS": ("label smoothing", "the rate"),
    "BC": ("backward correction", "the transition matrix"),
    "FC": ("forward correction", "the transition matrix"),
    "LN": ("Logistic-Normal likelihood", "nothing"),
}


@functools.cache  # four pages have tables of the same thousand files
def tables():
    """The text of each marked table by its name."""
    runs = results.load_sound(ROOT / "results", papers.EXPERIMENTS).values()
    rows, finished = report.rows(runs), summaries.by_experiment(runs)
    return {
        "demonstration": _demonstration(rows),
        "decision": decision_table.summary(ROOT / "results" / "decision"),
        "losses": _losses(),
        "claims": overview.claims_table(list(runs), "results/"),
        "declared": _declared(finished),
        "beside": _beside(finished),
        "left out": _left_out(),
        "suspects": retrain.accuracies(ROOT / "results" / "suspects" / "retrain"),
    }


def rewritten(text):
    """`text` with every marked table made anew."""
    made = tables()
    return _MARKED.sub(lambda found: f"{found[1]}\n{made[found[2]]}\n{found[3]}", text)


def _accuracies(rows):
    """`{(table, noise): {method: accuracy in percent, as text}}`; daggers are the long table's."""
    found = {}
    for row in rows:
        found.setdefault((row["table"], row["noise"].removesuffix(" †")), {})[row["method"]] = row["test"]
    return found


def _demonstration(rows):
    accuracies = _accuracies(rows)
    columns = [accuracies["digits", noise] for noise in ("symmetric 40%", "pair flip 40%")]
    head = ["accuracy on clean test labels, %", "told of the noise", "to any class", "to the next class"]
    body = [[name, told, *(column[label] for column in columns)] for label, (name, told) in _DEMONSTRATION.items()]
    return summaries.markdown_table([head, *body])


def _losses():
    head = ["loss", "what it is", "needs", "paper"]
    body = [[f"`{one.name}`", one.summary.replace("|", "\\|"), one.needs, one.paper] for one in losses.available()]
    return summaries.markdown_table([head, *body])


def _declared(finished):
    """Counts of the papers' numbers, those with an experiment, and those whose experiment has finished runs."""
    lines = [["table", "numbers", "with an experiment", "run"]]
    for table in dict.fromkeys(cell.table for cell in papers.CELLS):
        names = [cell.experiment for cell in papers.CELLS if cell.table == table]
        declared = [name for name in names if name]
        lines.append([table, *(str(len(one)) for one in (names, declared, [n for n in declared if n in finished]))])
    return summaries.markdown_table(lines)


def _beside(finished):
    """Measured accuracies and the printed ones in brackets: a row for each setting and method, a column for each noise.

    A star stands where they are further apart than two of the paper's standard deviations; the number of seeds where
    there are several. A sentence says how many stars there are.
    """
    rows, noises, stars = {}, {}, []
    for name, experiment in papers.EXPERIMENTS.items():
        group, printed = finished.get(name), experiment.published
        if group and printed:
            folder, noise, method = name.rsplit("/", 2)
            mean = np.mean(summaries.values(group, "test"))
            far = "*" if printed[1] and abs(mean - printed[0]) > _FAR * printed[1] else ""
            stars.append(far)
            seeds = f" of {len(group)}" if len(group) > 1 else ""
            noises[noise] = None
            rows.setdefault((folder, method), {})[noise] = (
                f"{mean:.2f}{far}{seeds} [{summaries.number_text(printed, '.2f')}]"
            )
    head = ["setting", "method", *noises]
    body = [[f"`{folder}`", method, *(row.get(one, "") for one in noises)] for (folder, method), row in rows.items()]
    return f"{summaries.markdown_table([head, *body])}\n{stars.count('*')} of {len(stars)} numbers have a star.\n"


def _left_out():
    """The papers' numbers that no experiment has, a line for each row of a table, with the reason."""
    rows = {}
    for cell in papers.CELLS:
        if cell.reason:
            number = f"{cell.column}: {summaries.number_text(cell.number, '.2f')}"
            rows.setdefault((cell.table, cell.row, cell.reason), []).append(number)
    head = ["table", "row", "the paper's numbers", "why no experiment has them"]
    return summaries.markdown_table(
        [head, *([table, row, "; ".join(numbers), reason] for (table, row, reason), numbers in rows.items())]
    )


def main():
    """Rewrites the tables of all pages."""
    for page in PAGES:
        page.write_text(rewritten(page.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    terminal.start(main)
