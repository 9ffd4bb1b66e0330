"""Pictures of the losses, drawn when the site is built: value and pull by the margin of the given label."""

import functools
import io

import matplotlib as mpl
import numpy as np
import tensorflow as tf
from matplotlib.figure import Figure

from docs.site import programs
from tfp_noise import losses
from tfp_noise.visualization._style import PALETTE

_NUM_CLASSES = 10
_MARGINS = np.linspace(-8, 8, 129)
_OF_BATCH = {"BoundedForwardCorrection"}  # each margin is a batch of its own
_RANDOM = {"DisturbLabel", "NoiseAgainstNoise"}  # a dot for each draw
CAPTION = (
    "Loss of one example, and how strongly it pulls its label's logit up (minus the derivative), by the margin of that "
    f"logit over the {_NUM_CLASSES - 1} other ones, which are equal. Left of 0 the network contradicts the label: "
    "a loss that pulls less there than cross-entropy (dashed) gives wrong labels less weight. What a loss learns, or "
    "what it reads besides logits, is as before the first step."
)


@functools.cache
def files():
    """Return the pictures, `{path: SVG}`."""
    return {f"methods/pictures/{one.name}.svg": _picture(one.name) for one in losses.available()}


def curve(name):
    """Return value and pull of a loss, two arrays with an entry for each margin.

    Args:
        name: of a class in `tfp_noise.losses`.
    """
    loss = programs.make(name, _NUM_CLASSES)
    outputs = tf.constant(_MARGINS[:, None] * _direction(loss), tf.float32)
    parts = tf.split(outputs, len(_MARGINS) if name in _OF_BATCH else 1)
    values, pulls = zip(*(_value_and_pull(loss, part) for part in parts), strict=True)
    return np.concatenate(values), np.concatenate(pulls)


def _direction(loss):
    """The change of the outputs `[num_outputs]` that raises the logit of class 0 by 1."""
    found = np.zeros(loss.num_outputs)
    found[0] = 1
    if isinstance(loss, losses.ShiftedGaussianNoise):  # means along orthonormal contrasts of the classes
        ones = np.eye(loss.num_outputs, dtype="float32")[: _NUM_CLASSES - 1]
        logits = np.log(np.asarray(loss.probabilities(ones)))
        found[: _NUM_CLASSES - 1] = logits[:, 0] - logits.mean(axis=1)
    return found


def _value_and_pull(loss, outputs):
    labels = np.zeros(len(outputs), "int32")
    several = isinstance(loss, losses.MultiLabel)
    labels = np.ones([len(outputs), 1]) if several else {"labels": labels, "ids": labels} if loss.needs_ids else labels
    with tf.GradientTape() as tape:
        tape.watch(outputs)
        values = tf.reshape(loss.call(labels, outputs), [-1])
    gradients = tape.gradient(values, outputs)
    return values.numpy(), -gradients.numpy() @ _direction(loss)


def _picture(name):
    figure = Figure(figsize=(8, 3), layout="constrained")
    titles = ("loss, nats", "pull towards the label")
    panels = zip(figure.subplots(1, 2), titles, curve(name), curve("CrossEntropy"), strict=True)
    for axes, title, own, plain in panels:
        axes.plot(_MARGINS, own, "." if name in _RANDOM else "-", color=PALETTE[0], label=name)
        if name != "CrossEntropy":
            axes.plot(_MARGINS, plain, "--", color=PALETTE[1], label="CrossEntropy")
        axes.set(title=title, xlabel="margin of the given label's logit")
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(alpha=0.3)
    figure.axes[0].legend(frameon=False)
    file = io.BytesIO()
    with mpl.rc_context({"svg.hashsalt": name}):
        figure.savefig(file, format="svg", metadata={"Date": None})
    return file.getvalue()
