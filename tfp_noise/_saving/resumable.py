"""What the files of a classifier hold besides what Keras puts in, and how they are written and read."""

import io
import pathlib

import keras
import numpy as np

from tfp_noise import distribute
from tfp_noise._saving import checksums
from tfp_noise._saving.atomic_files import atomic_write

_STATE_OF = "loss_state_of"


class ResumableModel(keras.Model):
    """A model with a `loss` and its `loss_state`, whose training goes on from a file as if it had not stopped.

    The file holds the states of random generators, and says which loss the state in it is of: that of another one is
    refused. On local disks it is written whole or not at all, by the chief alone where there are several workers; one
    that is damaged is refused.
    """

    def save(self, filepath, overwrite=True, zipped=None, **kwargs):
        """As `keras.Model.save`; a `.keras` file is written whole or not at all, by the chief alone."""
        self.build_optimizer()
        if distribute.is_chief(self.distribute_strategy):
            atomic_save(self, filepath, overwrite, zipped, **kwargs)

    def save_weights(self, filepath, overwrite=True, max_shard_size=None):
        """As `keras.Model.save_weights`; the chief writes one file atomically, with a checksum."""
        self.build_optimizer()
        if distribute.is_chief(self.distribute_strategy):
            atomic_save_weights(self, filepath, overwrite, max_shard_size)

    def load_weights(self, filepath, skip_mismatch=False, **kwargs):
        """As `keras.Model.load_weights`, but for a damaged file.

        Raises:
            OSError: if the file is not as it was written; nothing of it is loaded.
        """
        if pathlib.Path(filepath).is_file():
            checksums.check_file(filepath)
        self.build_optimizer()
        try:
            super().load_weights(filepath, skip_mismatch=skip_mismatch, **kwargs)
        except FileNotFoundError:
            raise
        except (OSError, KeyError, RuntimeError, UnicodeDecodeError) as error:
            raise OSError(f"{filepath} cannot be read: {error}. Is it whole? Load an earlier checkpoint.") from error
        except ValueError as error:
            raise ValueError(
                f"{error} Received: {filepath}. Is it of the same network and loss, and whole? Else load another copy."
            ) from error

    def build_optimizer(self):
        """Makes the optimizer's variables before a file is written or read: Keras leaves out those that are not there.

        Not in `compile`, because layers may be frozen and thawed between that and `fit`.
        """
        optimizer = getattr(self, "optimizer", None)
        if self.built and optimizer is not None and not optimizer.built:
            with self.distribute_strategy.scope():
                optimizer.build(self.trainable_variables)

    def _random_states(self):
        """State of the random generators, which Keras itself does not save; without it dropout resumes elsewhere."""
        saved = {id(variable) for variable in self.weights}
        return [variable for variable in self.variables if id(variable) not in saved]

    def save_own_variables(self, store):
        super().save_own_variables(store)
        for i, variable in enumerate(self._random_states()):
            store[f"random_{i}"] = variable.numpy()
        if self.loss_state is not None:
            store[_STATE_OF] = np.frombuffer(self._state_owner().encode(), np.uint8)

    def load_own_variables(self, store):
        if getattr(store, "archive", None) is not None:  # so Keras reads an archive past its checksums
            checksums.check_archive(store.archive)
        store = {key: store[key] for key in store.keys()}  # noqa: SIM118 (an H5 store)
        self._check_state_owner(bytes(np.asarray(store.get(_STATE_OF, []), np.uint8)).decode())
        super().load_own_variables({key: value for key, value in store.items() if key.isdigit()})  # Keras's own
        for i, variable in enumerate(self._random_states()):
            if f"random_{i}" in store:  # weights of a network with fewer of them load too, as in Keras
                variable.assign(store[f"random_{i}"])

    def _state_owner(self):
        """Which loss the state is of; empty without one."""
        return "" if self.loss_state is None else self.loss.state_name

    def _check_state_owner(self, saved):
        if saved != self._state_owner():
            raise ValueError(
                f"The file must hold the state of this classifier's loss, {self._state_owner() or 'which has none'}. "
                f"Received one with the state of {saved or 'a loss that has none'}. To take over the network alone, "
                "save and load `model.network`."
            )


def atomic_save(model, filepath, overwrite=True, zipped=None, **kwargs):
    """`keras.Model.save`; a `.keras` file is written whole or not at all."""
    if _writes_whole(filepath, ".keras", overwrite):
        atomic_write(pathlib.Path(filepath), lambda path: keras.Model.save(model, path, zipped=zipped, **kwargs))
    else:
        keras.Model.save(model, filepath, overwrite, zipped, **kwargs)


def atomic_save_weights(model, filepath, overwrite=True, max_shard_size=None):
    """`keras.Model.save_weights` into one file, written atomically and with a checksum."""
    if max_shard_size is None and _writes_whole(filepath, ".weights.h5", overwrite):
        content = weights_in_memory(model).getbuffer()
        atomic_write(pathlib.Path(filepath), lambda path: checksums.write_with_checksum(path, content))
    else:
        keras.Model.save_weights(model, filepath, overwrite, max_shard_size)


def _writes_whole(filepath, suffix, overwrite):
    """Whether a file is written here: not a folder, not where Keras asks first, nor in a store of objects."""
    path = pathlib.Path(filepath)
    local = path.parent.is_dir() and "://" not in str(filepath)
    return local and str(filepath).endswith(suffix) and (overwrite or not path.exists())


class _InMemory(io.BytesIO):
    """What Keras and HDF5 take for a file, by a name that Keras looks at."""

    def __str__(self):
        return "memory.weights.h5"


def weights_in_memory(model):
    """What `save_weights` would write, as a `BytesIO`: on a full disk HDF5 does not raise, it ends the process."""
    file = _InMemory()
    keras.Model.save_weights(model, file)
    return file


def load_weights_from_memory(model, content):
    """Loads the bytes of a file of weights, which were checked, as `load_weights` loads the file."""
    keras.Model.load_weights(model, _InMemory(content))
