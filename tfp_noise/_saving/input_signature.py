"""Shapes, dtypes and structure of a model's inputs, which are saved with it."""

import keras

from tfp_noise._saving.deployment import has_inputs, input_structure


class ModelWithInputSignature(keras.Model):
    """A model around a `network` that can make symbolic tensors like its inputs, also after it was saved and loaded.

    Keras saves the shapes on which a model was built, but not the dtypes, which matter for integers and text.
    """

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self._input_dtypes = None

    def __call__(self, inputs, *args, **kwargs):
        if not self.built:  # Keras passes only shapes to `build`
            self._input_dtypes = [_input_dtype(leaf) for leaf in keras.tree.flatten(inputs)]
        return super().__call__(inputs, *args, **kwargs)

    def get_build_config(self):
        config = super().get_build_config()
        return config and {**config, "input_dtypes": self._input_dtypes}

    def build_from_config(self, config):
        config = dict(config or {})
        self._input_dtypes = config.pop("input_dtypes", None)
        super().build_from_config(config)

    def symbolic_inputs(self, input_shape=None):
        """Symbolic tensors like the inputs, as the network declares them, or else as the model was built on them.

        Args:
            input_shape: the argument of `build`, by default the one that the model was built with.
        """
        if has_inputs(self.network):
            return keras.tree.map_structure(_input_like, input_structure(self.network))
        shapes = input_shape or self._build_shapes_dict["input_shape"]
        if isinstance(shapes, dict):  # Keras identifies the inputs in a dict by their names
            dtypes = dict(zip(sorted(shapes), self._input_dtypes or [None] * len(shapes), strict=True))
            return {key: keras.Input(shape[1:], dtype=dtypes[key], name=key) for key, shape in shapes.items()}
        dtypes = iter(self._input_dtypes or [])
        return keras.tree.map_shape_structure(lambda shape: keras.Input(shape[1:], dtype=next(dtypes, None)), shapes)


def _input_dtype(tensor):
    """The dtype in which a network receives a tensor: Keras casts floats to `floatx`, and nothing else."""
    dtype = keras.backend.standardize_dtype(tensor.dtype) if hasattr(tensor, "dtype") else keras.config.floatx()
    return keras.config.floatx() if "float" in dtype else dtype


def _input_like(tensor):
    return keras.Input(batch_shape=tensor.shape, dtype=tensor.dtype, sparse=tensor.sparse, name=tensor.name)
