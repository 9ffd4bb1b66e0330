"""Keras's random layers as pure functions of a seed."""

import tensorflow as tf

from tfp_noise import _random


def seeded_layer(layer_class, seed, **settings):
    """A Keras layer in float32, whatever the dtype policy, whose draws depend on `seed`, int32 `[2]`, alone."""
    with tf.Graph().as_default():  # the layer's own generator makes a variable, which a function of `tf.data` may not
        layer = layer_class(dtype="float32", **settings)
    layer.generator = _random.StatelessSeeds(seed)
    return layer


def check_images(images):
    """Refuses tensors that are not batches of images."""
    if images.shape.rank != 4:
        raise ValueError(f"`images` must have shape [batch, height, width, channels]. Received: {images.shape}.")
