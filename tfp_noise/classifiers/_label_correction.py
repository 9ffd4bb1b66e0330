"""Classifiers that correct labels by what the network has learned, once a warm-up is over."""

import keras

from tfp_noise import _labels, _validation
from tfp_noise._training.network_and_loss import check_no_ignored_class, check_no_memory, check_parts
from tfp_noise.classifier import NoisyLabelClassifier
from tfp_noise.losses._checks import check_one_class


class LabelCorrectingClassifier(NoisyLabelClassifier):
    """Base class of classifiers whose training steps see corrected labels; arguments are those of its subclasses.

    A subclass implements `corrected` and `add_state`, which makes a `StateAfterWarmUp`.
    """

    def __init__(self, network, loss, warm_up, **kwargs):
        check_parts(network, loss)
        check_one_class("loss", loss)
        check_no_ignored_class(loss)
        check_no_memory(loss, "labels are mixed with others, which have no id")
        cure = "Pass a number of epochs, such as a third of those of `fit`."
        self.warm_up = _validation.check_int("warm_up", warm_up, 1, cure)
        # Before `super()`, which may call `build`: Keras adds no state to a model that has been built.
        self.add_state(network, loss)
        super().__init__(network, loss, **kwargs)

    def add_state(self, network, loss):
        """Makes what the method keeps between steps, for a network and a loss that have been checked."""
        raise NotImplementedError(f"{type(self).__name__} must implement `add_state(network, loss)`.")

    def train_step(self, data):
        x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
        if y is not None:  # None is refused as by every classifier
            y, sample_weight = _labels.without_ids(y), _labels.without_ids(sample_weight)
            # Corrected labels are distributions, but metrics by name go with the labels that the user has.
            self._label_kind.settle_form(_labels.are_distributions(y, self.loss.num_classes))
            targets = _labels.to_distributions(y, self.loss.num_classes, self.loss.dtype)
            data = self.corrected(x, targets, sample_weight)
        return super().train_step(data)

    def corrected(self, x, targets, sample_weight):
        """The batch that a step is trained on.

        Args:
            x: inputs of the network, a tensor or a structure of tensors.
            targets: float `[batch, num_classes]`, the given labels as distributions.
            sample_weight: `[batch]`, `[batch, 1]` or `None`.

        Returns:
            `(x, targets, sample_weight)`.
        """
        raise NotImplementedError(f"{type(self).__name__} must implement `corrected(x, targets, sample_weight)`.")

    def get_config(self):
        return {**super().get_config(), "warm_up": self.warm_up}
