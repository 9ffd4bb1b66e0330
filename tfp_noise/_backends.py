"""Refusal of what runs on the TensorFlow backend of Keras only."""

import keras


def require_tensorflow(name, reason):
    """Refuses another backend where an object is made or a function called.

    Args:
        name: text, the object or function.
        reason: text that follows "because".
    """
    backend = keras.backend.backend()
    if backend != "tensorflow":
        raise RuntimeError(
            f"`{name}` needs the TensorFlow backend of Keras, because {reason}. Received: the backend {backend!r}. Set "
            "the environment variable KERAS_BACKEND=tensorflow before Keras is imported. On every backend, the losses "
            "that keep nothing between steps train in `keras.Model.compile(loss=...)`."
        )
