"""Table of the methods' names on a paper's page, with loss and training, made from the declared experiments."""

from experiments.evaluation import summaries

_VARIES = "by setting"


def markdown(experiments):
    """Return a table with a row for each name of a method: its loss, how it trains, and its arguments.

    An argument that differs between experiments of one name is "by setting": each run's JSON file has its own.

    Args:
        experiments: list of `Experiment`, those of one paper that were run.
    """
    by_name = {}
    for one in experiments:
        by_name.setdefault(one.method.label, []).append(one)
    usual = {repr(one.augmentation) for one in by_name.get("CE", ())}
    rows = [["method", "loss", "training"]]
    rows += [[f"`{name}`", _loss(ones), _training(ones, usual)] for name, ones in sorted(by_name.items())]
    return summaries.markdown_table(rows)


def _loss(experiments):
    settings = [one.method.settings() for one in experiments]
    return " or ".join(sorted({one["loss"] for one in settings})) + _arguments([one["arguments"] for one in settings])


def _training(experiments, usual):
    """The classifier where it is not the plain one, the teacher, and augmentation that cross-entropy has nowhere."""
    settings = [one.method.settings() for one in experiments]
    parts = []
    if "classifier" in settings[0]:
        parts.append(settings[0]["classifier"] + _arguments([one["training"] for one in settings]))
    if "distillation" in settings[0]:
        teachers = sorted({one.predecessor.method.label for one in experiments})
        parts.append(f"distilled from {', '.join(f'`{name}`' for name in teachers)}")
    more = {repr(one.augmentation) for one in experiments} - usual
    return ", ".join([*parts, *([f"augmentation {_VARIES}"] if len(more) > 1 else more)])


def _arguments(given):
    """Arguments in brackets as they are everywhere, or without a value where they differ."""
    names = sorted(set().union(*given))
    shown = []
    for name in names:
        values = {str(one.get(name)) for one in given}
        shown.append(f"{name}={values.pop()}" if len(values) == 1 else f"{name} {_VARIES}")
    return f"({', '.join(shown)})" if shown else ""
