"""The moving average of a network's weights, and the outputs that the network has with them."""

import keras
import numpy as np
from keras import ops
from keras.backend import result_type

from tfp_noise.losses._state import LossState


class AveragedNetwork(LossState):
    """Moving averages of a network's weights, for losses whose targets are an averaged network's outputs.

    A training step first moves the average towards the present weights, `decay average + (1 - decay) weight`, which is
    the same for its loss as a move after each update. The average starts at the weights of the first step.

    Args:
        num_classes: int, K.
        decay: float in [0, 1), the weight of the previous average.
    """

    def __init__(self, num_classes, decay):
        super().__init__(num_classes)
        self.decay = decay
        self.steps = self.variable("steps", np.zeros([], "int64"))
        self.epochs = self.variable("epochs", np.zeros([], "int64"))
        self.weights_and_averages = list  # a function, because Keras would track the network's weights as the layer's

    def follow(self, network):
        """Makes the averages of a network that has been built; of the same one again, it does nothing."""
        if self.weights_and_averages():
            return
        # Those of frozen layers, too, which may be trained later.
        weights = [weight for weight in network.weights if "float" in weight.dtype]
        pairs = [
            (weight, self.variable(f"average_{i}", ops.zeros(weight.shape, result_type(weight.dtype, "float32"))))
            for i, weight in enumerate(weights)
        ]
        self.weights_and_averages = lambda: pairs

    def update(self):
        """Moves the averages by one training step."""
        self.updated = True
        is_first = ops.equal(self.steps, 0)
        for weight, average in self.weights_and_averages():
            now, before = ops.cast(weight, average.dtype), ops.convert_to_tensor(average)
            average.assign(ops.where(is_first, now, before + (1 - self.decay) * (now - before)))
        self.steps.assign(ops.convert_to_tensor(self.steps) + 1)

    def outputs(self, network, x):
        """The network's outputs in training mode with averaged weights.

        Batch normalisation uses the statistics of the batch; neither its moving averages nor random generators change.
        """
        with keras.StatelessScope(self.weights_and_averages()):
            return network(x, training=True)

    def end_epoch(self):
        self.check_updated()
        self.epochs.assign(ops.convert_to_tensor(self.epochs) + 1)
