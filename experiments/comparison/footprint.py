"""Cost of a training step and memory of each method: `python -m experiments.comparison.footprint`.

Both are beside cross-entropy's, for few and for many classes, on made-up data. Run it while nothing else runs.
"""

import gc
import math
import pathlib

import keras
import numpy as np
import tensorflow as tf
from absl import flags

from experiments import results
from experiments.comparison.compared_method import Case
from experiments.comparison.methods import CROSS_ENTROPY, METHODS
from experiments.comparison.training import ComparedSet
from experiments.console import terminal
from experiments.evaluation import step_costs, summaries
from experiments.experiment import Noise
from tfp_noise import _validation, datasets

EXAMPLES, SHAPE, BATCH = 50_000, (16, 32, 1), 128  # images, because some methods shift them
_ROUNDS, _STEPS_IN_TURN, _HELD_OUT = 40, 5, 100
_NOISE = Noise("symmetric", 0.4)
_NOTE = """# Cost of a step and memory of each method

Made by `python -m experiments.comparison.footprint`. Every method trains a network of two hidden layers of 128 units
with Adam, in batches of {batch}, on {examples:,} made-up examples of {features} features and K classes. The cost is the
time of a training step divided by cross-entropy's, the median of ratios measured in turn in one process, input
included, which is not augmented. The memory is that of all variables (weights, what the loss keeps, the optimizer's)
beyond cross-entropy's. A matrix or a teacher that a method is given is no variable of its training.
Steps of a method that corrects labels after a warm-up are those after it.
`EstimatedForwardCorrection` and `DistilledClassifier` train other networks before; the cost leaves that out.
"""


def main():
    """Measure the methods of the flags, and write and print the table."""
    args = flags.FLAGS
    names = [_validation.check_choice("methods", name, METHODS, "method") for name in args.methods]
    text = page(names, {num_classes: measured(names, num_classes) for num_classes in map(int, args.classes)})
    results.write_text(pathlib.Path(args.workdir) / "footprint.md", text)
    terminal.console().print(text)


def measured(names, num_classes, examples=EXAMPLES, batch=BATCH, rounds=_ROUNDS):
    """Measure methods one after the other, each in turn with cross-entropy.

    Args:
        names: list of keys of `METHODS`.
        num_classes: int.
        examples: int, of the training split; some methods keep something of each.
        batch: int, examples a step.
        rounds: int, as in `step_costs.seconds_in_turn`.

    Returns:
        A dict from name to the ratio of a step to cross-entropy's and MiB beyond cross-entropy's; or to a text, why
        the method cannot be built.
    """
    case = _case(num_classes, examples, batch)
    plain = METHODS[CROSS_ENTROPY].trainer(case, {}, {})
    step, size = plain.period(case.data), _mebibytes(plain)
    found = {}
    for name in names:
        method = METHODS[name]
        try:
            trainer = method.trainer(case, method.shortest_warm_up(), {})
            ratio = step_costs.ratios({name: trainer.period(case.data)}, step, rounds, calls=1)[name]
            found[name] = ratio, _mebibytes(trainer) - size
        except (ValueError, MemoryError, tf.errors.OpError) as error:
            found[name] = f"{type(error).__name__}: {str(error).splitlines()[0]}"
        trainer = None  # its variables can take hundreds of MiB
        gc.collect()
    keras.backend.clear_session()
    return found


def page(names, by_classes):
    """Return the page as Markdown.

    Args:
        names: list of keys of `METHODS`, the rows.
        by_classes: dict from a number of classes to what `measured` returns for it.
    """
    rows = [["method", *(f"{what}, K = {k}" for k in by_classes for what in ("cost", "memory, MiB"))]]
    for name in names:
        cells = [_cells(found[name]) for found in by_classes.values()]
        rows.append([f"`{name}`", *(cell for pair in cells for cell in pair)])
    note = _NOTE.format(batch=BATCH, examples=EXAMPLES, features=math.prod(SHAPE))
    return f"{note}\n{summaries.markdown_table(rows)}"


def _cells(found):
    """Texts of cost and memory; the reason in place of both."""
    return (found, "–") if isinstance(found, str) else (f"{found[0]:.2f}", f"{found[1]:.1f}")


def _case(num_classes, examples, batch):
    """Made-up data; a training on them is one pass."""
    rng = np.random.default_rng(0)
    features = rng.normal(size=(examples, *SHAPE)).astype(np.float32)
    train = datasets.Examples(features, rng.integers(0, num_classes, examples), np.arange(examples))
    few = train.take(np.arange(_HELD_OUT))
    data = datasets.Dataset("made up", train, few, few, tuple(map(str, range(num_classes))))
    task = ComparedSet(lambda *_: data, 1, batch, periods=examples // batch // _STEPS_IN_TURN)
    return Case(data.name, task, _NOISE, 0, _NOISE.apply(data, 0), few)


def _mebibytes(trainer):
    """The memory of all variables of a training."""
    sizes = [math.prod(one.shape) * tf.as_dtype(one.dtype).size for one in trainer.variables()]
    return sum(sizes) / 2**20


if __name__ == "__main__":
    flags.DEFINE_list("methods", list(METHODS), "Methods; all without it.")
    flags.DEFINE_list("classes", ["10", "1000"], "Numbers of classes K.")
    flags.DEFINE_string("workdir", "results/compare", "Folder for the table.")
    terminal.start(main)
