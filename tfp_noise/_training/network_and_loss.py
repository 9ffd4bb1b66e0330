"""Checks that a network and a loss can make a classifier."""

import warnings

import keras

from tfp_noise import _validation
from tfp_noise.losses import NoisyLabelLoss
from tfp_noise.losses._checks import what_it_reads

_ONE_OUTPUT = (
    " Or keep the one output, the logit of a sigmoid, and make the loss `losses.MultiLabel(loss, num_labels=1)`."
)


def check_parts(network, loss):
    """Refuses a network that is no Keras layer, and a loss that a classifier cannot use."""
    if not isinstance(network, keras.layers.Layer):
        raise TypeError(
            f"`network` must be a Keras model or layer. Received: {network!r:.100}. Pass one whose last layer has "
            "`loss.num_outputs` units and no activation."
        )
    if not isinstance(loss, NoisyLabelLoss):
        raise TypeError(
            "`loss` must be an instance of a loss of tfp_noise.losses. "
            f"Received: {loss!r}. For cross-entropy pass `tfp_noise.losses.CrossEntropy(num_classes)`."
        )
    if loss.reduction in (None, "none"):
        raise ValueError(
            f"`loss.reduction` must give one number per batch. Received: {loss.reduction!r}. "
            "Leave `reduction` out; to weight examples, use `sample_weight`."
        )


def warn_of_own_steps(network):
    """Warns of a network with steps of its own, such as a `train_step`, which a classifier never runs."""
    steps = ("train_step", "test_step", "predict_step", "compute_loss", "compute_metrics")
    methods = {name: getattr(type(network), name) for name in steps if isinstance(network, keras.Model)}
    own = [f"`{name}`" for name, method in methods.items() if not method.__module__.startswith("keras.")]
    if own:
        warnings.warn(
            "`network` should have no steps of its own, because a classifier only calls it. Received: "
            f"{_validation.with_article(type(network).__name__)} with {', '.join(own)}, never run here. Override "
            "`data_loss`, or those methods, in a subclass of the classifier; or train the network itself: "
            "`network.compile(optimizer, loss)`. See docs/training_loops.md.",
            stacklevel=3,
        )


def check_width(outputs, loss, name="network"):
    """Refuses a network's symbolic outputs unless they are one tensor `[batch, ..., loss.num_outputs]`."""
    if not hasattr(outputs, "shape") or len(outputs.shape) < 2:
        shapes = keras.tree.map_structure(lambda output: tuple(output.shape), outputs)
        raise ValueError(
            f"`{name}` must have one output of shape [batch, ..., {loss.num_outputs}]. Received: {shapes}. "
            "Take the one that classifies."
        )
    if outputs.shape[-1] != loss.num_outputs:
        raise ValueError(
            f"`{name}` must have {loss.num_outputs} outputs, which {what_it_reads(loss)}. Received: a network with "
            f"{outputs.shape[-1]}. Give its last layer `loss.num_outputs` units (`Dense`) or filters (`Conv2D`)."
            + (_ONE_OUTPUT if outputs.shape[-1] == 1 and loss.num_outputs == 2 else "")
        )


def check_one_label(kind, outputs_rank):
    """Refuses a network with a label at each position for a class of classifiers, `kind`, that has none."""
    if outputs_rank != 2:
        raise ValueError(
            f"`network` must have outputs [batch, num_outputs], one label an example, for {kind}. Received: outputs of "
            f"{outputs_rank} axes, a label at each position. Use `NoisyLabelClassifier` for those."
        )


def check_of_outputs(kind, loss):
    """Refuses a loss that needs the network beside its outputs, for a class of classifiers with auxiliary outputs."""
    if loss.needs_classifier and type(loss).training_loss is not NoisyLabelLoss.training_loss:
        raise ValueError(
            f"`loss` must need labels and outputs only for {kind}, whose auxiliary classifiers have no other network. "
            f"Received: {_validation.with_article(type(loss).__name__)}, because {loss.needs_classifier}. Take a loss "
            "such as `CrossEntropy`."
        )


def check_no_ignored_class(loss):
    """Refuses a loss with an `ignore_class` for a class of classifiers that mixes labels."""
    if loss.ignore_class is not None:
        raise ValueError(
            f"`loss.ignore_class` must be None, because labels are mixed. Received: {loss.ignore_class}. Leave those "
            "examples out of the data."
        )


def check_no_memory(loss, reason):
    """Refuses a loss that remembers each example where ids do not fit, with the reason in words after "because"."""
    if loss.needs_ids:
        raise ValueError(
            f"`loss` must remember nothing of each example, because {reason}. Received: "
            f"{_validation.with_article(type(loss).__name__)}. Take a loss such as `CrossEntropy`."
        )


def share_weights(network, other):
    """True if training a network changes a variable of another one."""
    trained = {id(variable) for variable in network.trainable_variables}
    return any(id(variable) in trained for variable in other.variables)
