"""Self-distillation by data distortion: two distorted views of an example learn from each other."""

from typing import Any

import keras
from keras import ops

from tfp_noise import _labels, _validation
from tfp_noise._training.network_and_loss import check_no_memory, check_one_label, check_parts
from tfp_noise.classifier import NoisyLabelClassifier
from tfp_noise.classifiers._softened_divergence import SoftenedDivergence
from tfp_noise.losses import NoisyLabelLoss
from tfp_noise.losses._checks import check_one_class


@keras.saving.register_keras_serializable(package="tfp_noise")
class DistortionDistillation(NoisyLabelClassifier):
    """A classifier that also learns to predict the same for two distorted views of each example.

    With the logits `a` and `b` of the two views, the label `y`, the temperature `T` and `p = softmax(a / T)`,
    `q = softmax(b / T)`:

        (loss(y, a) + loss(y, b)) / 2 + weight T^2 (KL(p || q) + KL(q || p))

    `fit` distorts each batch twice, with independent random numbers, and trains on both views in one step of twice as
    many examples, which costs about two to two and a half steps of a plain classifier. Batch normalisation, statistics
    of the loss and metrics of training see both views. `evaluate`, `predict` and `deployable` see the examples as they
    are.

    A label of the loss's `ignore_class` leaves an example out of the loss of the labels; the divergence counts for all.
    With `weight=0` and a distortion that changes nothing, training is that of `NoisyLabelClassifier`.

    A training loop without `fit` calls `train_step`, which distorts the batch; `compute_loss` expects both views, one
    after the other along the first axis.

    Args:
        network: as in `NoisyLabelClassifier`, with outputs `[batch, num_outputs]`.
        loss: as in `NoisyLabelClassifier`, for one class of several an example.
        distortion: a Keras layer from the network's inputs to inputs of the same shape that draws random numbers in
            training, such as `keras.layers.RandomTranslation`, or a `keras.Sequential` of such layers.
        weight: float >= 0, of the divergence.
        temperature: float > 0, T.
        name: name of the model.
        **kwargs: other arguments of `NoisyLabelClassifier`.

    Raises:
        TypeError: if `distortion` is not a Keras layer.
        ValueError: if a number is out of range, the loss is for several labels or needs ids, the network has a label at
            each position, or, when training starts, the distortion changes the shape of the inputs.
        RuntimeError: on another backend of Keras than TensorFlow.

    Example:
        >>> import numpy as np
        >>> from tfp_noise import losses
        >>> network = keras.Sequential([keras.Input([8, 8, 1]), keras.layers.Flatten(), keras.layers.Dense(3)])
        >>> shifts = keras.layers.RandomTranslation(0.1, 0.1, fill_mode="constant")
        >>> model = DistortionDistillation(network, losses.CrossEntropy(3), shifts)
        >>> model.compile("adam", metrics=["accuracy"], jit_compile=False)
        >>> history = model.fit(np.zeros([8, 8, 8, 1]), np.zeros([8], int), verbose=0)
        >>> model.predict(np.zeros([2, 8, 8, 1]), verbose=0).shape
        (2, 3)

    References:
        Xu, Liu, "Data-distortion guided self-distillation for deep neural networks", 2019, with class probabilities
        only: their second term, the discrepancy of features, is left out, as in Zhang et al., "Delving deep into label
        smoothing", 2021, Table II. The defaults are those of a public reimplementation that follows the settings of the
        paper. Departures: the losses of the two views are averaged, not added, so that a learning rate means the same
        as without views; the factor `T^2`.
    """

    def __init__(
        self,
        network: keras.layers.Layer,
        loss: NoisyLabelLoss,
        distortion: keras.layers.Layer,
        weight: float = 1.0,
        temperature: float = 3.0,
        *,
        name: str = "distortion_distillation",
        **kwargs: Any,
    ):
        cure = "Pass a layer that draws random numbers, such as `keras.layers.RandomTranslation(0.1, 0.1)`."
        # Before `super()`, which may call `build`: Keras adds no layers to a model that has been built.
        self.distortion = _validation.check_instance("distortion", distortion, keras.layers.Layer, cure)
        check_parts(network, loss)
        check_one_class("loss", loss)
        check_no_memory(loss, "a step has two views of each example")
        super().__init__(network, loss, name=name, **kwargs)
        self.weight = _validation.check_number("weight", weight, 0)
        self.temperature = _validation.check_number("temperature", temperature, above=0)
        self._divergence = SoftenedDivergence(loss, self.temperature)

    def build(self, input_shape):
        super().build(input_shape)
        check_one_label(type(self).__name__, self._outputs_rank)

    def train_step(self, data):
        x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
        views = [self._distorted(x) for _ in range(2)]
        x = keras.tree.map_structure(lambda *pair: ops.concatenate(pair, axis=0), *views)
        y, sample_weight = _labels.without_ids(y), _labels.without_ids(sample_weight)
        y, sample_weight = (None if one is None else ops.concatenate([one, one], axis=0) for one in (y, sample_weight))
        return super().train_step((x, y, sample_weight))

    def data_loss(self, x, y, y_pred, sample_weight, training):
        loss = super().data_loss(x, y, y_pred, sample_weight, training)
        if not training or not self.weight:
            return loss
        one, other = ops.split(self.loss.logits(ops.cast(y_pred, self.loss.dtype)), 2)
        if sample_weight is not None:
            sample_weight, _ = ops.split(sample_weight, 2)
        there, back = self._divergence(one, other, sample_weight), self._divergence(other, one, sample_weight)
        return loss + self.weight * (there + back)

    def _distorted(self, x):
        view = self.distortion(x, training=True)
        shapes = [keras.tree.map_structure(lambda leaf: tuple(leaf.shape), one) for one in (x, view)]
        if shapes[0] != shapes[1]:
            raise ValueError(
                f"`distortion` must keep the shape of the inputs, {shapes[0]}. Received: a layer that returns "
                f"{shapes[1]}. Crop after padding, or use `keras.layers.RandomTranslation`."
            )
        return view

    def get_config(self):
        return {
            **super().get_config(),
            "distortion": keras.saving.serialize_keras_object(self.distortion),
            "weight": self.weight,
            "temperature": self.temperature,
        }

    @classmethod
    def from_config(cls, config, custom_objects=None):
        distortion = keras.saving.deserialize_keras_object(config["distortion"], custom_objects=custom_objects)
        return super().from_config({**config, "distortion": distortion}, custom_objects)
