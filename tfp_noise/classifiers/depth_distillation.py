"""Self-distillation by depth: classifiers at earlier stages of a network learn from its deepest one."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from tfp_noise import _validation
from tfp_noise._saving.deployment import input_structure
from tfp_noise._training.network_and_loss import check_of_outputs, check_one_label, check_parts
from tfp_noise.classifier import NoisyLabelClassifier
from tfp_noise.classifiers._layer_outputs import outputs_of_layers
from tfp_noise.classifiers._softened_divergence import SoftenedDivergence
from tfp_noise.losses import NoisyLabelLoss
from tfp_noise.losses._checks import check_one_class


@keras.saving.register_keras_serializable(package="tfp_noise")
class DepthDistillation(NoisyLabelClassifier):
    """A classifier whose network has auxiliary classifiers at earlier stages, which learn from its own prediction.

    With the label `y`, the logits `z` and the last features `f` of the network, those of auxiliary classifier i, `z_i`
    and `f_i`, the temperature `T`, `a = distillation_weight` and no gradient through what is learned from:

        loss(y, z) + sum_i [(1 - a) loss(y, z_i) + a T^2 KL(softmax(z / T) || softmax(z_i / T))
                            + hint_weight |f - f_i|^2]

    Each stage gets a new auxiliary classifier. Behind an image-shaped output it is a bottleneck (convolutions of 1x1,
    of as many pixels as the network still reduces the image by, and of 1x1), a mean over the image and a linear layer;
    behind features `[batch, width]` one hidden layer and a linear one. It has the width of the network's own features.

    Auxiliary classifiers only serve training. `predict`, metrics, `deployable` and statistics of the loss are those of
    the network, so that online label smoothing takes its soft labels from the deepest classifier and gives them to all
    of them. In training mode, `model(x, training=True)` returns a list, `[z, f, [f_1, z_1], ...]`, for `compute_loss`.

    Args:
        network: a Functional or Sequential `keras.Model` whose last layer is a linear `keras.layers.Dense`.
        loss: as in `NoisyLabelClassifier`, for one class of several an example.
        stages: sequence of strings, names of layers of the network with outputs `[batch, height, width, channels]` or
            `[batch, width]`. The residual networks of `models` name the ends of their stages "stage1", "stage2", ...;
            those of `keras.applications` have names such as "conv2_block3_out".
        distillation_weight: float in [0, 1], a; the weight of the deepest prediction beside the label.
        temperature: float > 0, T.
        hint_weight: float >= 0, of the squared distance of features. Networks of a thousand features need a small one.
        name: name of the model.
        **kwargs: other arguments of `NoisyLabelClassifier`.

    Raises:
        TypeError: if `stages` is not a sequence of strings.
        ValueError: if a number is out of range, the loss is for several labels, the network is subclassed or does not
            end in a linear `Dense` with one label an example, or a stage is unknown or has outputs of another form.
        RuntimeError: on another backend of Keras than TensorFlow.

    Example:
        >>> import numpy as np
        >>> from tfp_noise import losses
        >>> layers = [keras.layers.Dense(8, activation="relu", name=name) for name in ("early", "late")]
        >>> network = keras.Sequential([keras.Input([4]), *layers, keras.layers.Dense(3)])
        >>> model = DepthDistillation(network, losses.OnlineLabelSmoothing(3), stages=["early"])
        >>> model.compile("adam", metrics=["accuracy"])
        >>> history = model.fit(np.zeros([8, 4]), np.zeros([8], int), verbose=0)
        >>> model.deployable().count_params() == network.count_params()
        True

    References:
        Zhang et al., "Be your own teacher: improve the performance of convolutional neural networks via self
        distillation", 2019, Eq. 3 to 6. They print no temperature and no weights; the defaults are those of a public
        reimplementation for CIFAR-100 (its sum of squares over a batch of 128, times 1e-6, is about 1e-4 times their
        mean here), and so are the bottlenecks. Zhang et al., "Delving deep into label smoothing", 2021, Tables II and
        IV, leave the features out: `hint_weight=0`.
    """

    def __init__(
        self,
        network: keras.layers.Layer,
        loss: NoisyLabelLoss,
        stages: Sequence[str],
        distillation_weight: float = 0.1,
        temperature: float = 3.0,
        hint_weight: float = 1e-4,
        *,
        name: str = "depth_distillation",
        **kwargs: Any,
    ):
        check_parts(network, loss)
        check_one_class("loss", loss)
        check_of_outputs(type(self).__name__, loss)
        made, features = outputs_of_layers(network)
        check_one_label(type(self).__name__, len(network.outputs[0].shape))
        self.stages = _check_stages(stages, list(made)[:-1])
        outputs = [made[stage] for stage in self.stages]
        # Before `super()`, which may call `build`: Keras adds no layers to a model that has been built.
        self.heads = [
            _head(stage, output, features.shape[-1], _smallest_image(made), loss.num_outputs, network.dtype_policy)
            for stage, output in zip(self.stages, outputs, strict=True)
        ]
        super().__init__(network, loss, name=name, **kwargs)
        self.distillation_weight = _validation.check_number("distillation_weight", distillation_weight, 0, 1)
        self.temperature = _validation.check_number("temperature", temperature, above=0)
        self.hint_weight = _validation.check_number("hint_weight", hint_weight, 0)
        # Its method, because a model would be tracked as a further layer, with the variables of the network.
        self._call_to_stages = keras.Model(input_structure(network), [network.outputs[0], features, *outputs]).__call__
        self._divergence = SoftenedDivergence(loss, self.temperature)
        self._distance = _SquaredDistance(name="hint", reduction=loss.reduction, dtype=loss.dtype)

    def call(self, inputs, training=None):
        if not training:
            return super().call(inputs, training)
        outputs, features, *of_stages = self._call_to_stages(inputs, training=True)
        auxiliary = [head(output, training=True) for head, output in zip(self.heads, of_stages, strict=True)]
        return [outputs, features, *auxiliary]

    def data_loss(self, x, y, y_pred, sample_weight, training):
        if not training:
            return super().data_loss(x, y, y_pred, sample_weight, training)
        outputs, features, *auxiliary = y_pred
        loss = super().data_loss(x, y, outputs, sample_weight, training)
        teacher, hint = ops.stop_gradient(self._logits(outputs)), ops.stop_gradient(features)
        for own_features, own_outputs in auxiliary:
            on_labels = self.loss(y, own_outputs, sample_weight)
            to_deepest = self._divergence(teacher, self._logits(own_outputs), sample_weight)
            loss = loss + (1 - self.distillation_weight) * on_labels + self.distillation_weight * to_deepest
            if self.hint_weight:
                loss = loss + self.hint_weight * self._distance(hint, own_features, sample_weight)
        return loss

    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        deepest = y_pred[0] if isinstance(y_pred, (list, tuple)) else y_pred
        return super().compute_metrics(x, y, deepest, sample_weight)

    def _logits(self, outputs):
        return self.loss.logits(ops.cast(outputs, self.loss.dtype))

    def get_config(self):
        settings = ("stages", "distillation_weight", "temperature", "hint_weight")
        return {**super().get_config(), **{key: getattr(self, key) for key in settings}}


class _SquaredDistance(keras.losses.Loss):
    """Sum of the squared differences of features `[batch, width]`."""

    def call(self, y_true, y_pred):
        return ops.sum(ops.square(y_true - y_pred), axis=-1)


def _check_stages(stages, names):
    """`stages` as a list of some of these names, at least one, each once."""
    is_sequence = isinstance(stages, Sequence) and not isinstance(stages, (str, bytes))
    if not is_sequence or not all(isinstance(stage, str) for stage in stages):
        raise TypeError(f"`stages` must be a sequence of names of layers. Received: {stages!r:.100}. {_cure(names)}")
    if not stages or len(set(stages)) != len(stages):
        raise ValueError(
            f"`stages` must name at least one layer, and each once. Received: {stages!r:.100}. {_cure(names)}"
        )
    return [_validation.check_choice("stages", stage, names, "layer of `network`") for stage in stages]


def _cure(names):
    return f"Pass a list of some of the names of its layers, which are {', '.join(names):.200}."


def _smallest_image(outputs):
    """Height or width, whichever is less, of the last image-shaped one of these outputs; `None` without any."""
    images = [tuple(output.shape[1:3]) for output in outputs.values() if len(output.shape) == 4]
    return min(images[-1]) if images and None not in images[-1] else None


def _head(stage, output, width, smallest, num_outputs, dtype):
    """An auxiliary classifier: a model from a stage's output to `[features, outputs]`."""
    inputs = x = keras.Input(output.shape[1:], dtype=output.dtype)
    if len(output.shape) == 4 and None not in output.shape[1:]:
        reduction = max(1, min(output.shape[1:3]) // (smallest or 1))
        narrow = max(1, width // 4)
        for filters, pixels in ((narrow, 1), (narrow, reduction), (width, 1)):
            x = keras.layers.Conv2D(filters, pixels, pixels, use_bias=False, dtype=dtype)(x)
            x = keras.layers.BatchNormalization(momentum=0.9, epsilon=1e-5, dtype=dtype)(x)
            x = keras.layers.ReLU(dtype=dtype)(x)
        x = keras.layers.GlobalAveragePooling2D(dtype=dtype)(x)
    elif len(output.shape) == 2:
        x = keras.layers.Dense(width, activation="relu", dtype=dtype)(x)
    else:
        raise ValueError(
            "`stages` must name layers with outputs [batch, height, width, channels] of a known size, or "
            f"[batch, width]. Received: {stage!r} with outputs of shape {tuple(output.shape)}."
        )
    return keras.Model(inputs, [x, keras.layers.Dense(num_outputs, dtype=dtype)(x)], name=f"auxiliary_{stage}")
