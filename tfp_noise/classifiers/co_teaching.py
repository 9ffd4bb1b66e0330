"""Co-teaching: two networks, each trained on the examples that the other one finds easy."""

from typing import Any

import keras
from keras import ops

from tfp_noise import _backends, _validation
from tfp_noise._training.example_losses import check_own_loss, example_losses, smallest
from tfp_noise._training.model_checks import check_labels_given
from tfp_noise._training.network_and_loss import check_parts, check_width, share_weights
from tfp_noise._training.raw_outputs import check_raw_outputs
from tfp_noise.classifier import NoisyLabelClassifier
from tfp_noise.losses import NoisyLabelLoss

_ANOTHER = "Make a second network, with new layers, in the same way as the first one."


@keras.saving.register_keras_serializable(package="tfp_noise")
class CoTeaching(NoisyLabelClassifier):
    """Two networks, each trained on those examples of a batch for which the other one has the smallest losses.

    With the losses `l_i` of the network and `m_i` of its peer, a batch of n examples, the fraction `f = forget_rate`
    and the step t, counted from 0:

        k  = floor((1 - f min(t / ramp_steps, 1)) n), at least 1
        L  = 1 / k sum_i l_i over the k examples with the smallest m_i
         + 1 / k sum_i m_i over the k examples with the smallest l_i

    Networks learn right labels before they memorise wrong ones, so that a wrong label has a large loss at first. Each
    network makes other mistakes in this choice; because it chooses for the other one, they do not add up.

    `predict`, metrics, validation and `deployable` use the first network alone, which costs what one network costs. The
    two are alike: the mean of both would be an ensemble, whose gain is not that of co-teaching. The reported training
    loss is the sum L of both.

    One optimizer trains both networks, as two equal ones would, because Keras's optimizers treat each variable by
    itself. `global_clipnorm` is an exception: it clips the gradients of both networks together.

    Examples that a mask of Keras or `ignore_class` leaves out are neither chosen nor counted. `sample_weight`
    multiplies the losses of the chosen examples and has no part in the choice. Of labels at each position, each
    position is an example. On several replicas, the choice is among the whole batch; where the optimizer accumulates
    gradients over several batches, among each of them.

    Args:
        network: as in `NoisyLabelClassifier`; the network that predicts.
        loss: as in `NoisyLabelClassifier`: a loss of each example by itself that keeps nothing between steps, reduced
            to the mean.
        peer: a second network with the same inputs and outputs, and other initial weights.
        forget_rate: float in [0, 1), the fraction of a batch that is left out in the end; usually the fraction of wrong
            labels. 0 trains two plain classifiers.
        ramp_steps: int >= 0, the number of training steps in which the fraction left out grows from 0 to `forget_rate`;
            in the paper ten epochs, `10 * steps_per_epoch`.
        name: name of the model.
        **kwargs: other arguments of `NoisyLabelClassifier`.

    Raises:
        TypeError: if `network` or `peer` is not a Keras layer, or a number is of a wrong type.
        ValueError: if a number is out of range, `peer` does not have the outputs of `network` or shares weights with
            it, or the loss is not the mean of one number for each example; from `fit`, if both networks have the same
            weights.
        RuntimeError: on another backend of Keras than TensorFlow.

    Example:
        >>> import numpy as np
        >>> from tfp_noise import losses
        >>> def network():
        ...     return keras.Sequential([keras.Input([4]), keras.layers.Dense(3)])
        >>> model = CoTeaching(network(), losses.CrossEntropy(3), network(), forget_rate=0.4, ramp_steps=10)
        >>> model.compile("adam", metrics=["accuracy"])
        >>> history = model.fit(np.zeros([8, 4]), np.zeros([8], int), verbose=0)
        >>> model.predict(np.zeros([2, 4]), verbose=0).shape
        (2, 3)

    References:
        Han, Yao, Yu, Niu, Xu, Hu, Tsang, Sugiyama, "Co-teaching: robust training of deep neural networks with extremely
        noisy labels", 2018, Algorithm 1, with `forget_rate` as tau and `ramp_steps` as T_k. Departure: the fraction
        changes with each step, not with each epoch.
    """

    def __init__(
        self,
        network: keras.layers.Layer,
        loss: NoisyLabelLoss,
        peer: keras.layers.Layer,
        forget_rate: float,
        ramp_steps: int,
        *,
        name: str = "co_teaching",
        **kwargs: Any,
    ):
        kind = type(self).__name__
        _backends.require_tensorflow(kind, "it overrides steps of TensorFlow's trainer")
        check_parts(network, loss)
        check_own_loss(kind, loss)
        # Before `super()`, which may call `build`: Keras adds no layers to a model that has been built.
        self.peer = _validation.check_instance("peer", peer, keras.layers.Layer, _ANOTHER)
        cure = "Pass the fraction of wrong labels, such as 0.2, or `suspects.estimated_count / len(labels)`."
        self.forget_rate = _validation.check_number("forget_rate", forget_rate, 0, below=1, cure=cure)
        cure = "Pass a number of training steps, such as those of ten epochs, `10 * steps_per_epoch`."
        self.ramp_steps = _validation.check_int("ramp_steps", ramp_steps, 0, cure)
        super().__init__(network, loss, name=name, **kwargs)

    def build(self, input_shape):
        super().build(input_shape)
        inputs = self.symbolic_inputs(input_shape)
        try:
            outputs = self.peer(inputs)
        except (ValueError, TypeError, AttributeError) as error:
            raise ValueError(
                f"`peer` must take inputs of `network`. {_ANOTHER} Received: an error from it: {error}"
            ) from error
        check_width(outputs, self.loss, "peer")
        if len(outputs.shape) != self._outputs_rank:
            raise ValueError(
                f"`peer` must have outputs of {self._outputs_rank} axes, as `network` has. Received: outputs of shape "
                f"{tuple(outputs.shape)}. {_ANOTHER}"
            )
        check_raw_outputs("peer", self.peer, inputs)
        if share_weights(self.network, self.peer):
            raise ValueError(
                "`peer` must have weights of its own. Received: a network that shares weights with `network`. "
                f"{_ANOTHER}"
            )

    def data_loss(self, x, y, y_pred, sample_weight, training):
        if not training:
            return super().data_loss(x, y, y_pred, sample_weight, training)
        check_labels_given(y)
        outputs, kept = (y_pred, self.peer(x, training=True)), self._kept()
        sides = [example_losses(self.loss, y, one, sample_weight) for one in outputs]
        total = 0.0
        for (losses, weights, _), (others, _, counts) in zip(sides, sides[::-1], strict=True):
            chosen, number = smallest(others, counts, kept)
            total = total + ops.sum(losses * weights * ops.cast(chosen, losses.dtype)) / number
        return total

    def _kept(self):
        """The fraction of a batch that is chosen in this step."""
        if not self.ramp_steps:
            return ops.convert_to_tensor(1 - self.forget_rate, self.loss.dtype)
        done = ops.cast(self.loss.count_updates(), self.loss.dtype) / self.ramp_steps
        return 1 - self.forget_rate * ops.minimum(done, 1)

    def fit(self, *args, **kwargs):
        """Trains like `NoisyLabelClassifier.fit`, after a check that the two networks differ.

        Raises:
            ValueError: if both networks have the same weights.
        """
        pairs = zip(self.network.weights, self.peer.weights, strict=False)
        if self.built and all(one.shape == two.shape and bool(ops.all(one == two)) for one, two in pairs):
            raise ValueError(
                "`peer` must begin with other weights than `network`, because equal networks choose the same examples. "
                "Received: equal weights. Give initializers no seed, or different ones."
            )
        return super().fit(*args, **kwargs)

    def get_config(self):
        peer = keras.saving.serialize_keras_object(self.peer)
        return {**super().get_config(), "peer": peer, "forget_rate": self.forget_rate, "ramp_steps": self.ramp_steps}

    @classmethod
    def from_config(cls, config, custom_objects=None):
        peer = keras.saving.deserialize_keras_object(config["peer"], custom_objects=custom_objects)
        return super().from_config({**config, "peer": peer}, custom_objects)
