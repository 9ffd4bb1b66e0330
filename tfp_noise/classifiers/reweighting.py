"""Learning to reweight: weights of examples that make a step reduce the loss of a small clean set."""

from typing import Any

import keras
from keras import ops

from tfp_noise._training import virtual_steps
from tfp_noise._training.example_losses import example_losses
from tfp_noise._training.model_checks import check_labels_given
from tfp_noise.classifiers._clean_set import CleanSetClassifier
from tfp_noise.losses import NoisyLabelLoss
from tfp_noise.losses._state import gather


@keras.saving.register_keras_serializable(package="tfp_noise")
class LearningToReweight(CleanSetClassifier):
    """A classifier that weighs the examples of each batch by how much they help on a small set with right labels.

    With the losses `l_i` of a batch, the loss `C` of a batch of the clean set, and the gradients of both with respect
    to the network's weights,

        u_i = max(grad l_i . grad C, 0)
        w_i = u_i / sum_j u_j, or 0 if all u_j are 0
        L   = sum_i w_i l_i

    A step of gradient descent on example i alone, however small, changes C in proportion to `-grad l_i . grad C`. The
    paper takes the derivative of C after a step on `sum_i epsilon_i l_i` with respect to `epsilon` at 0; that is the
    same number times the step's size, which the normalisation cancels. The inner products are exact, by one more pass
    backward, without second derivatives of a loss. Where they are all equal and positive, L is the mean loss.

    A step costs two to three steps of a plain classifier if clean batches are as large as the others. Batch
    normalisation in training mode uses the statistics of each batch, so that `l_i` depends on the other examples of its
    batch; u_i is the inner product for that `l_i`, and moving statistics see the noisy batches only. Random layers such
    as dropout draw anew for `u_i`.

    `sample_weight` multiplies `l_i` throughout. Of labels at each position, each position has a weight. On several
    replicas, the weights are those of the whole batch, and each replica computes the loss of the clean batch; where the
    optimizer accumulates gradients over several batches, they are those of each of them. Under mixed_float16, `grad C`
    is not scaled and may vanish; use mixed_bfloat16.

    Args:
        network: as in `NoisyLabelClassifier`.
        loss: as in `NoisyLabelClassifier`: a loss of each example by itself that keeps nothing between steps, reduced
            to the mean. It is the loss of both sets, so that a correction for noisy labels does not suit it.
        clean: pair `(x, y)` of arrays, inputs of the network and labels that are known to be right: a few hundred
            examples that somebody has checked and that are not trained on otherwise. `x` may be a nest of arrays. They
            are saved with the model.
        clean_batch_size: int >= 1, how many clean examples enter a step; all of them if there are not so many.
        seed: int, of the draws of clean batches, which are a function of it and of the optimizer's count of steps. Give
            each run of an experiment its own.
        name: name of the model.
        **kwargs: other arguments of `NoisyLabelClassifier`.

    Raises:
        TypeError: if `clean` is not a pair of arrays, or an argument is of a wrong type.
        ValueError: if `clean` does not fit the network and the loss, a number is out of range, or the loss is not the
            mean of one number for each example.
        RuntimeError: on another backend of Keras than TensorFlow.

    Example:
        With most labels wrong, three right ones decide:

        >>> import numpy as np
        >>> from tfp_noise import losses
        >>> network = keras.Sequential([keras.Input([3]), keras.layers.Dense(3)])
        >>> model = LearningToReweight(network, losses.CrossEntropy(3), clean=(np.eye(3), np.arange(3)))
        >>> model.compile(keras.optimizers.SGD(1.0), jit_compile=False)
        >>> x, y = np.repeat(np.eye(3), 4, axis=0), np.array([0, 1, 1, 1, 1, 2, 2, 2, 2, 0, 0, 0])
        >>> history = model.fit(x, y, batch_size=12, epochs=20, verbose=0)
        >>> model.predict(np.eye(3), verbose=0).argmax(axis=1).tolist()
        [0, 1, 2]

    References:
        Ren, Zeng, Yang, Urtasun, "Learning to reweight examples for robust deep learning", 2018, Algorithm 1,
        equations 4 to 8.
    """

    def __init__(
        self,
        network: keras.layers.Layer,
        loss: NoisyLabelLoss,
        clean: tuple[Any, Any],
        clean_batch_size: int = 100,
        seed: int = 0,
        *,
        name: str = "learning_to_reweight",
        **kwargs: Any,
    ):
        super().__init__(network, loss, clean, clean_batch_size, seed, name=name, **kwargs)

    def data_loss(self, x, y, y_pred, sample_weight, training):
        if not training:
            return super().data_loss(x, y, y_pred, sample_weight, training)
        check_labels_given(y)
        losses, factors, _ = example_losses(self.loss, y, y_pred, sample_weight)
        return ops.sum(self._weights(x, y, sample_weight) * factors * losses)

    def _weights(self, x, y, sample_weight=None):
        """Weights of the examples, which sum to 1 on all replicas together, without a gradient."""
        there = virtual_steps.present_weights(self)
        direction = virtual_steps.clean_gradient(self, there)
        losses = virtual_steps.losses_at(self, x, y, sample_weight)
        helpful = ops.relu(virtual_steps.slopes(lambda weights: losses(weights)[0], there, direction))
        (all_helpful,) = gather(ops.reshape(helpful, [-1]))
        return ops.divide_no_nan(helpful, ops.sum(all_helpful))
