"""Figure 5: label smoothing and shrinkage against asymmetric noise in the plane.

`python -m experiments.papers.label_smoothing.separators --workdir=DIR`

Two Gaussians, 5 % of the negatives labelled positive, and logistic regression. The noise draws the line towards the
negatives. More smoothing, or a larger penalty, brings it back most of the way, but not all of it: with a fraction `r`
of the negatives flipped and classes that are narrow, the line tends to cross the axis of the class means at
`-sqrt(2) r / (1 - r)` as alpha tends to 1, and at half of that as the penalty grows. The noise also tilts the line,
at random, because few examples are flipped: the penalty undoes the tilt; smoothing at 0.6, about two thirds of it.

References:
    Lukasik et al., "Does label smoothing mitigate label noise?", 2020, section 4.2 and Figure 5.
"""

import pathlib

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp
from absl import flags
from rich import box
from rich.table import Table

from experiments import results
from experiments.console import shared_flags, terminal
from tfp_noise import losses, noise, visualization

ALPHAS = (0.0, 0.1, 0.2, 0.4, 0.6)
PENALTIES = (0.0, 0.001, 0.01, 0.1, 1.0)
BAYES = (np.array([1.0, 1.0]), 0.0)
_STANDARD_DEVIATION = 0.1  # the paper's variance, 0.01
_TITLE = "Separators under asymmetric label noise"
_CAPTION = (
    "angle: from the Bayes-optimal direction. offset: the line's distance from the origin, negative towards the "
    "negatives (their mean: -1.41)."
)
_TOLERANCE = 1e-10  # of the gradient's largest component


def problem(num_examples, flip_rate, seed):
    """Draw two Gaussians at -(1, 1) and (1, 1), variance 0.01, with some of the negatives labelled positive.

    Args:
        num_examples: int, of both classes together.
        flip_rate: float in [0, 1], the fraction of the negatives that is flipped; the count is exact.
        seed: int.

    Returns:
        points: float64 `[num_examples, 2]`.
        labels: int `[num_examples]`, the true classes.
        observed: int `[num_examples]`, the labels to train on.
    """
    labels = np.arange(num_examples) % 2
    scatter = _STANDARD_DEVIATION * np.random.default_rng(seed).normal(size=(num_examples, 2))
    transition = [[1 - flip_rate, flip_rate], [0, 1]]
    return 2 * labels[:, None] - 1 + scatter, labels, noise.corrupt_exact(labels, transition, seed)


def fit(points, observed, alpha=0.0, l2=0.0):
    """Fit logistic regression to its optimum: the least mean of `LabelSmoothing(2, alpha)` plus `l2 (w w + b b)`.

    The logits are `(0, w x + b)`. The penalty takes in `b`, which the paper leaves open: its linear model has a bias
    only as the weight of a constant feature. Left out of the penalty, `b` would tend to the log-odds of the observed
    labels while `w` vanishes, and the line would leave the data.

    Args:
        points: float `[n, 2]`.
        observed: int `[n]`, 0 or 1.
        alpha: float in [0, 1).
        l2: float, at least 0.

    Returns:
        `w` float64 `[2]` and `b` float.

    Raises:
        ValueError: if there is no finite optimum, because a line parts the observed labels without an error and
            neither smoothing nor a penalty bounds the weights.
        RuntimeError: if the optimiser does not converge.
    """
    loss = losses.LabelSmoothing(2, alpha, dtype="float64")
    features = tf.constant(np.column_stack([points, np.ones(len(points))]))

    def objective(weights):
        scores = tf.linalg.matvec(features, weights)
        return loss(observed, tf.stack([tf.zeros_like(scores), scores], axis=1)) + l2 * tf.reduce_sum(weights**2)

    # Its line search reads slopes: one that compares values stalls where their rounding hides the last digits.
    found = tfp.optimizer.lbfgs_minimize(
        lambda weights: tfp.math.value_and_gradient(objective, weights),
        initial_position=tf.zeros(3, tf.float64),
        tolerance=_TOLERANCE,
        max_iterations=200,
    )
    w, b = found.position.numpy()[:2], float(found.position[2])
    if alpha == 0 and l2 == 0 and np.array_equal(points @ w + b > 0, observed == 1):
        raise ValueError(
            "`observed` must not be parted by a line without an error when `alpha` and `l2` are 0: longer weights then "
            "always cost less, and there is no optimum. Smooth the labels, add a penalty, or flip some labels."
        )
    slope = np.abs(found.objective_gradient).max()  # not `found.converged`: that is also true of a search that stalls
    if slope > _TOLERANCE:
        raise RuntimeError(f"No optimum found in {found.num_iterations} iterations. Largest gradient: {slope:.2g}.")
    return w, b


def angle_and_offset(w, b):
    """Return angle and offset of the line `w x + b = 0` from the Bayes-optimal one, `x_1 + x_2 = 0`.

    Args:
        w: float `[2]`, not zero.
        b: float.

    Returns:
        The angle from `(1, 1)` to `w` in degrees, counterclockwise, and the line's distance from the origin along `w`:
        negative on the side of the negatives, whose mean is at about -1.41.

    Example:
        >>> [round(value, 3) for value in angle_and_offset([0.0, 2.0], 1.0)]
        [45.0, -0.5]
    """
    return float(np.degrees(np.arctan2(w[1] - w[0], w[0] + w[1]))), float(-b / np.hypot(*w))


def measure(points, observed):
    """Fit every alpha and every penalty: the separators of panels (a) and (b), and a row of numbers for each.

    Args:
        points: as in `fit`.
        observed: as in `fit`.

    Returns:
        `{panel: {label: (w, b)}}`, and a list of dicts with `alpha`, `l2`, `w`, `b`, `angle` and `offset`.
    """
    settings = {
        "(a) label smoothing": {rf"$\alpha$ = {alpha:g}": (alpha, 0.0) for alpha in ALPHAS},
        r"(b) $\ell_2$ penalty": {rf"$\lambda$ = {l2:g}": (0.0, l2) for l2 in PENALTIES},
    }
    separators, rows = {}, []
    for panel, lines in settings.items():
        separators[panel] = {"Bayes": BAYES}
        for label, (alpha, l2) in lines.items():
            w, b = separators[panel][label] = fit(points, observed, alpha, l2)
            angle, offset = angle_and_offset(w, b)
            rows.append({"alpha": alpha, "l2": l2, "w": w.tolist(), "b": b, "angle": angle, "offset": offset})
    return separators, rows


def main():
    """Print the table; write `figure5.png` and `figure5.json`."""
    workdir, made_by = pathlib.Path(flags.FLAGS.workdir), results.made_by()
    workdir.mkdir(parents=True, exist_ok=True)
    settings = {"num_examples": flags.FLAGS.num_examples, "flip_rate": flags.FLAGS.flip_rate, "seed": flags.FLAGS.seed}
    points, labels, observed = problem(**settings)
    separators, rows = measure(points, observed)
    result = {"settings": settings, "separators": rows, "made_by": made_by}
    results.write_json(workdir / "figure5.json", result)
    figure = visualization.linear_separators(points, labels, observed, separators)
    results.write_figure(workdir / "figure5.png", figure)
    table = Table(title=_TITLE, caption=_CAPTION, box=box.SIMPLE_HEAD)
    for heading in ("alpha", "L2 penalty", "angle, degrees", "offset"):
        table.add_column(heading, justify="right")
    for row in rows:
        table.add_row(f"{row['alpha']:g}", f"{row['l2']:g}", f"{row['angle']:.2f}", f"{row['offset']:.4f}")
    console = terminal.console()
    console.print(table)
    console.print(f"Figure and numbers: {workdir}/")


if __name__ == "__main__":
    flags.DEFINE_string("workdir", "runs/figure5", "Folder for the figure and the numbers.")
    flags.DEFINE_integer("num_examples", 1000, "Examples of both classes together.", lower_bound=2)
    flags.DEFINE_float("flip_rate", 0.05, "Fraction of the negatives labelled positive.")
    shared_flags.define_seed("Seed of the points and of the flips.")
    terminal.start(main)
