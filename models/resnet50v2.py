"""ResNet-50 with pre-activation, the network of the ImageNet experiments."""

import keras


def resnet50v2(input_shape, num_outputs):
    """ResNet-50 v2: 25.6 million parameters at 1000 outputs; untrained, at least 32x32.

    It does not scale its input: this project's pipeline makes floats in [0, 1]. `preprocess_input` of
    `keras.applications.resnet_v2` (0..255 to [-1, 1]) is for Keras's pretrained weights, not for this network.

    References:
        He, Zhang, Ren, Sun. Identity mappings in deep residual networks. 2016.
    """
    return keras.applications.ResNet50V2(
        weights=None, classifier_activation=None, input_shape=input_shape, classes=num_outputs, name="resnet50v2"
    )
