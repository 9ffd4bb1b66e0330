"""Classifiers that keep a small set of examples whose labels are known to be right, and batches of it."""

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from tfp_noise import _backends, _random, _validation
from tfp_noise._training.example_losses import check_own_loss
from tfp_noise._training.input_checks import check_examples
from tfp_noise._training.label_kinds import label_kind
from tfp_noise._training.network_and_loss import check_parts, check_width
from tfp_noise.classifier import NoisyLabelClassifier

_CURE = (
    "Pass a few hundred examples whose labels somebody checked, such as `(examples.inputs, examples.labels)`, and do "
    "not train on them otherwise."
)


class CleanSetClassifier(NoisyLabelClassifier):
    """Base class of classifiers with a `clean_set`, which is saved with them; arguments are those of its subclasses."""

    def __init__(self, network, loss, clean, clean_batch_size, seed, **kwargs):
        kind = type(self).__name__
        _backends.require_tensorflow(kind, "it overrides steps of TensorFlow's trainer")
        check_parts(network, loss)
        check_own_loss(kind, loss)
        self.clean_batch_size = _validation.check_int("clean_batch_size", clean_batch_size, 1)
        self.seed = _validation.check_seed(seed)
        # Before `super()`, which may call `build`: Keras adds no layers to a model that has been built.
        self.clean_set = CleanSet(*_checked(network, loss, clean), self.clean_batch_size, self.seed)
        super().__init__(network, loss, **kwargs)

    def _check_scale(self, name, features, training=False):
        super()._check_scale(name, features, training)
        if training:
            self.scale_check("clean", self.clean_set.features())

    def get_config(self):
        own = {"clean": self.clean_set.specs(), "clean_batch_size": self.clean_batch_size, "seed": self.seed}
        return {**super().get_config(), **own}

    @classmethod
    def from_config(cls, config, custom_objects=None):
        # Arrays in place of those that the file of the weights holds.
        x, y = keras.tree.map_structure(_like, config["clean"])
        y = y + 1 / y.shape[-1] if y.dtype.kind == "f" else y  # distributions, or the first class
        model = super().from_config({**config, "clean": (x, y)}, custom_objects)
        model.clean_set.known = False
        return model


class CleanSet(keras.layers.Layer):
    """Layer that keeps examples in variables, which are not trained; Keras saves, restores and mirrors them.

    Args:
        x: NumPy array, or a nest of arrays, of features.
        y: NumPy array of labels.
        batch_size: int, how many examples a batch has, at most; with fewer examples a batch is all of them.
        seed: int, of the draws.
    """

    def __init__(self, x, y, batch_size, seed):
        super().__init__(name="clean_set", autocast=False)
        self.known = True  # False for arrays that stand for those of a file which has not been loaded yet
        self._size, self._batch_size, self._seed = len(y), batch_size, seed
        structure = keras.tree.map_structure(lambda _: 0, (x, y))
        self._pack = lambda leaves: keras.tree.pack_sequence_as(structure, leaves)  # Keras would track a nest
        self._leaves = [self._keep(leaf) for leaf in keras.tree.flatten((x, y))]
        self.built = True

    def _keep(self, array):
        return self.add_weight(
            shape=array.shape,
            dtype=keras.backend.standardize_dtype(array.dtype),
            initializer=lambda *_, **__: ops.convert_to_tensor(array),
            trainable=False,
            aggregation="only_first_replica",
            name="examples",
        )

    def batch(self, step):
        """The batch `(x, y)` of a training step, a function of the seed and the step, without repetitions."""
        if not self.known:
            raise ValueError(
                "`clean` must hold examples. This model was made from a configuration, like a clone, which does not "
                "hold them. Load a file of `save` or `save_weights`, or make the model anew."
            )
        if self._batch_size >= self._size:
            return self._pack([ops.convert_to_tensor(leaf) for leaf in self._leaves])
        seed = _random.fold_in(tf.constant([self._seed, 0]), ops.cast(step, "int32"))
        rows = ops.top_k(_random.uniform(seed, [self._size]), self._batch_size)[1]
        return self._pack([ops.take(leaf, rows, axis=0) for leaf in self._leaves])

    def features(self):
        """The features of all examples, in variables."""
        return self._pack(self._leaves)[0]

    def specs(self):
        """The dtypes and shapes of `(x, y)`, as a nest of text such as "float32 20 6"."""
        return self._pack([" ".join([leaf.dtype, *map(str, leaf.shape)]) for leaf in self._leaves])

    def load_own_variables(self, store):
        super().load_own_variables(store)
        self.known = True


def _like(spec):
    """An array of zeros of the dtype and shape in a text of `specs`."""
    dtype, *shape = spec.split()
    return np.zeros(list(map(int, shape)), dtype)


def _checked(network, loss, clean):
    """The argument `clean` as a pair of NumPy arrays or nests of them, like the data of `fit`; builds the network."""
    if not isinstance(clean, (tuple, list)) or len(clean) != 2 or any(part is None for part in clean):
        raise TypeError(
            "`clean` must be a pair (x, y) of arrays, features and labels that are known to be right. Received: "
            f"{clean!r:.100}. {_CURE}"
        )
    _validation.check_one_order({"clean": clean})
    x, y = clean[0], _validation.as_label_array("clean", clean[1])
    if not y.ndim or not len(y):
        raise ValueError(f"`clean` must hold at least one example. Received: labels of shape {y.shape}. {_CURE}")
    check_examples("clean", x, len(y))
    x = keras.tree.map_structure(_as_kept, x)
    texts = [leaf.dtype for leaf in keras.tree.flatten(x) if leaf.dtype.kind not in "fiub"]
    if texts:
        raise TypeError(
            f"`clean` must hold numbers, because the model keeps them in variables. Received dtype {texts[0]}. Take "
            "lookup and vectorization layers out of `network`, and pass what they return here and to `fit`."
        )

    def outputs(rows):
        return network(keras.tree.map_structure(lambda leaf: ops.convert_to_tensor(leaf[rows]), x))

    try:
        one = outputs(slice(1))
    except Exception as error:  # a user's layer may raise anything
        raise ValueError(f"`clean` must hold inputs of `network`. Received: an error from it: {error}") from error
    check_width(one, loss)
    for leaf in keras.tree.flatten(x):
        _validation.check_features("clean", leaf, lambda: bool(ops.all(ops.isfinite(outputs(slice(None))))))
    y = label_kind(loss).check_array("clean", y, len(one.shape))
    if loss.ignore_class is not None and (y == loss.ignore_class).all():
        raise ValueError(
            f"`clean` must hold labels. Received: only the loss's `ignore_class`, {loss.ignore_class}. {_CURE}"
        )
    return x, _as_kept(y)


def _as_kept(array):
    """A NumPy array in a dtype whose variables an accelerator keeps: no int32, which TensorFlow keeps on the host."""
    array = np.asarray(array)
    if array.dtype.kind == "f":
        return array.astype(keras.config.floatx())
    return array.astype("int64") if array.dtype.kind in "iu" and array.dtype != np.uint8 else array
