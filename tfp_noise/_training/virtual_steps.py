"""Losses of a network with other weights, and their derivatives along a direction; the model itself does not change."""

import keras
import tensorflow as tf

from tfp_noise._training.example_losses import example_losses


def losses_at(model, x, y, sample_weight=None):
    """A function from values of the network's trainable variables to the weighted losses of examples, in training mode.

    The network draws the random numbers, and normalises by the statistics of the batch, that it would in the next call
    in training mode; neither its random generators nor its moving statistics change.

    Args:
        model: a classifier with a loss that `check_own_loss` accepts.
        x: inputs of the network.
        y: labels.
        sample_weight: weights of the losses, or `None`.

    Returns:
        A function `weights -> (losses, counts)` as in `example_losses`, with weighted losses.
    """

    def losses(weights):
        with keras.StatelessScope(list(zip(model.network.trainable_variables, weights, strict=True))):
            outputs = model.network(x, training=True)
            values, factors, counts = example_losses(model.loss, y, outputs, sample_weight)
            return values * factors, counts

    return losses


def present_weights(model):
    """Values of the network's trainable variables, without a gradient to these."""
    return [tf.stop_gradient(variable.value) for variable in model.network.trainable_variables]


def gradient(function, weights):
    """The gradient of a scalar function at `weights`, a list of dense tensors."""
    with tf.GradientTape() as tape:
        tape.watch(weights)
        value = function(weights)
    return _dense(tape, value, weights)


def clean_gradient(model, weights):
    """The gradient of the mean loss of a batch of the model's clean set, at values of the network's variables."""

    def mean_loss(weights):
        losses, counts = losses_at(model, *model.clean_set.batch(model.loss.count_updates()))(weights)
        return tf.math.divide_no_nan(tf.reduce_sum(losses), tf.reduce_sum(tf.cast(counts, losses.dtype)))

    return [tf.stop_gradient(one) for one in gradient(mean_loss, weights)]


def slopes(losses, weights, direction):
    """The derivative of each loss along a direction: the inner products of the losses' gradients with it.

    The gradient of `sum_i epsilon_i l_i` is linear in `epsilon`, and its product with the direction has the derivatives
    that are wanted with respect to `epsilon`: two passes backward, and no second derivative of a loss. (A pass in
    forward mode costs no less, and TensorFlow has none through a loop, such as that of a recurrent layer.)

    Args:
        losses: a function from a list of tensors to a tensor of losses.
        weights: list of tensors, where the derivative is taken.
        direction: list of tensors like `weights`.
    """
    with tf.GradientTape() as outer:
        with tf.GradientTape() as inner:
            inner.watch(weights)
            values = losses(weights)
            epsilon = tf.zeros_like(values)
            outer.watch(epsilon)
            weighted = tf.reduce_sum(epsilon * values)
        along = tf.add_n(
            [tf.reduce_sum(one * other) for one, other in zip(_dense(inner, weighted, weights), direction, strict=True)]
        )
    return tf.stop_gradient(outer.gradient(along, epsilon))


def _dense(tape, value, weights):
    """The gradient of a scalar as dense tensors, 0 for weights that it does not depend on."""
    found = tape.gradient(value, weights, unconnected_gradients=tf.UnconnectedGradients.ZERO)
    return [tf.convert_to_tensor(one) for one in found]
