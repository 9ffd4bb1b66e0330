"""One page over all results, and each paper's verdicts: `python -m experiments.overview --workdir=DIR`.

Makes `DIR/README.md` and the papers' `DIR/PAPER/findings.md` anew from the finished runs of the folder.
"""

import pathlib

import numpy as np
from absl import flags

from experiments import papers, results
from experiments.console import shared_flags, terminal
from experiments.evaluation import rankings, summaries
from experiments.evaluation.claims import TEST_EXAMPLES, VERDICTS
from experiments.papers import findings_page, missing
from experiments.papers.label_smoothing import claims as label_smoothing
from experiments.papers.label_smoothing import findings as label_smoothing_page
from experiments.papers.learnable_label_smoothing import claims as learnable_label_smoothing
from experiments.papers.learnable_label_smoothing import findings as learnable_label_smoothing_page
from experiments.papers.logistic_normal import claims as logistic_normal
from experiments.papers.logistic_normal import findings as logistic_normal_page
from experiments.papers.online_label_smoothing import claims as online_label_smoothing
from experiments.papers.online_label_smoothing import findings as online_label_smoothing_page

PAPERS = {  # folder: claims, page
    "LN": (logistic_normal, logistic_normal_page),
    "LS": (label_smoothing, label_smoothing_page),
    "OLS": (online_label_smoothing, online_label_smoothing_page),
    "LLS": (learnable_label_smoothing, learnable_label_smoothing_page),
}
_CURVES, _BESIDE = "learning_curves.png", ("reliability.png", "transition.png")
_AND_BESIDE = f" of the methods of a folder, with `{'` and `'.join(_BESIDE)}` beside them"
_HEADER = """\
# Results

Made by `python -m experiments.overview` from the finished runs in this folder. Every run has a JSON file of its own,
`EXPERIMENT/seedN.json`, with its command. `python -m experiments.verify` runs some of them again.

"""
_VERDICTS = """\
## The papers' claims

How many claims of each paper hold for the runs at hand; the paper's page has the claims, their tests, in how many
settings each was decided, and what the missing runs would take. One setting is enough to decide a claim, and almost all
that were run are smaller than the papers'.

"""
_COUNTS = """\
## Experiments

Experiments by table or figure. Those of small data and networks have `laptop` in their names, and no printed number
stands beside them; a number of a table belongs to the experiment with the paper's own settings. An experiment counts as
run from one seed on, and each "run" is a part of the column before it.

"""
_RANKINGS = f"""\
## Order of the methods

Spearman's rho of the methods' mean test accuracies with those of the paper, for each pair of a column that was run and
a column of the same table with the same noise, if they have at least {rankings.FEWEST_METHODS} methods in common. 1:
the same order; 0: none. A rho of so few methods is a rough number: of 6 in random order, one in 8 has 0.6 or more.

"""


def claims_table(runs, root=""):
    """Return the numbers of claims by verdict, a row a paper, and what they rest on, as Markdown.

    Args:
        runs: list of results.
        root: text before the links to the papers' pages.
    """
    words = [*VERDICTS[:2], "depends on the setting", *VERDICTS[2:]]
    lines, every = [["paper", "claims", "decided", *words]], []
    for folder, (claims, _) in PAPERS.items():
        found = findings_page.verdicts(claims, runs)
        counts = [[one.verdict for one in found].count(word) for word in words]
        lines.append([f"[{folder}]({root}{folder}/findings.md)", *map(str, (len(found), sum(counts[:3]), *counts))])
        every += found
    lines.append(["all", *(str(sum(int(line[i]) for line in lines[1:])) for i in range(1, len(lines[0])))])
    return f"{summaries.markdown_table(lines)}\n{_behind(every)}"


def _behind(verdicts):
    """A paragraph on what the verdicts rest on."""
    ours = sum(one.claim.source == "ours" for one in verdicts)
    judged = [verdict for one in verdicts for verdict in one.by_setting.values() if verdict != "not run"]
    decided = [{folder for folder, verdict in one.by_setting.items() if verdict in VERDICTS[:2]} for one in verdicts]
    decided = [folders for folders in decided if folders]
    digits = sum(all("/laptop-digits" in folder for folder in folders) for folders in decided)
    large = [[folder for folder in folders if "/laptop-" not in folder] for folders in decided]
    own, data = sum(map(bool, large)), sorted({folder.split("/")[2] for folders in large for folder in folders})
    of_size = f"{own} rest on a setting of the paper's own size" + f" ({', '.join(data)})" * bool(data)
    return summaries.filled(
        [
            f"{ours} of the claims are ours. {len(judged)} pairs of a claim and a setting were tested, and nothing "
            f"corrects for their number. Of the {len(decided)} decided claims, {of_size}, and {digits} on 8x8 digits "
            f"alone, {TEST_EXAMPLES['digits']} of which are the test set."
        ]
    )


def _counts(runs):
    """Experiments declared and run, by the first two parts of their names."""
    finished, groups = {result["settings"]["name"] for result in runs}, {}
    printed = {cell.experiment for cell in papers.CELLS}
    for name in papers.EXPERIMENTS:
        if name.startswith(tuple(f"{folder}/" for folder in PAPERS)):
            groups.setdefault("/".join(name.split("/")[:2]), []).append(name)
    lines = [
        ["table or figure", "experiments", "with a printed number", "run", "of laptop scale", "run", "others", "run"]
    ]
    for group, names in groups.items():
        small = [name for name in names if "/laptop-" in name]
        others = [name for name in names if "/laptop-" not in name]
        counts = [len(names)]
        for part in (printed.intersection(names), small, others):
            counts += [len(part), len(finished.intersection(part))]
        lines.append([group, *map(str, counts)])
    lines.append(["all", *(str(sum(int(line[i]) for line in lines[1:])) for i in range(1, len(lines[0])))])
    return summaries.markdown_table(lines)


def _rankings(runs):
    lines = [["run", "paper's column", "methods", "rho"]]
    for one in rankings.agreements(papers.CELLS, runs):
        lines.append([one.run, one.column, str(one.methods), f"{one.rho:+.2f}" if np.isfinite(one.rho) else "–"])
    return summaries.markdown_table(lines)


def _files(survey):
    """Numbers of results, and those that are not read."""
    text = (
        f"{len(survey.runs)} results, {survey.without_digest} of them without a digest, from the time before results "
    )
    text += "had one: nobody can tell\nwhether they were changed.\n"
    reasons = "".join(f"- {reason}\n" for reason in survey.left_out.values())
    return text + (f"\nLeft out of all tables and figures:\n\n{reasons}" if reasons else "")


def _links(folder):
    """Pages, figures, and the folders of methods that have learning curves; a line for each folder at the top."""
    pages = [path for path in sorted(folder.rglob("*.md")) if path.name != "README.md"]
    text = "".join(f"- {_link(path, folder)}\n" for path in (*pages, *sorted(folder.glob("*.txt"))))
    figures = [path for path in sorted(folder.rglob("*.png")) if path.name not in _BESIDE]
    curves = [path for path in figures if path.name == _CURVES]
    for title, paths in (("Figures", [path for path in figures if path not in curves]), ("Learning curves", curves)):
        by_top = {}
        for path in paths:
            by_top.setdefault(path.relative_to(folder).parts[0], []).append(_link(path, folder))
        text += f"\n{title}{_AND_BESIDE if paths == curves else ''}:\n\n"
        text += "".join(f"- {', '.join(links)}\n" for links in by_top.values())
    return text


def _link(path, folder):
    path = path.relative_to(folder)
    return (
        f"[{path.parent if path.name == _CURVES else path.with_suffix('') if path.suffix == '.png' else path}]({path})"
    )


def markdown(folder):
    """Return the page over all results as Markdown.

    Args:
        folder: a `pathlib.Path` with finished runs.
    """
    survey = results.survey(folder, papers.EXPERIMENTS)
    runs = list(survey.runs.values())
    text = f"{_HEADER}{_files(survey)}\n{_VERDICTS}{claims_table(runs)}\n{_COUNTS}{_counts(runs)}\n"
    return f"{text}{_RANKINGS}{_rankings(runs)}\n## Pages and figures\n\n{_links(folder)}"


def main():
    """Write all pages of the folder."""
    folder = pathlib.Path(flags.FLAGS.workdir)
    missing.load(folder)  # names what is left out, and refuses a folder without runs
    for paper, (_, page) in PAPERS.items():
        findings_page.write(folder, paper, page.markdown)
    results.write_text(folder / "README.md", markdown(folder))
    terminal.console().print(folder / "README.md")


if __name__ == "__main__":
    shared_flags.define_workdir_to_read()
    terminal.start(main)
