"""Saving and loading of a classifier, with the state of its loss and of its random generators."""

import io
import pathlib

import keras
import numpy as np

from tfp_noise import distribute
from tfp_noise._saving import checksums
from tfp_noise._saving.atomic_files import atomic_write

_STATE_OF = "loss_state_of"


class ResumableModel(keras.Model):
    """A model with a `loss` and its `loss_state`, whose training resumes from a file as if it had not stopped.

    The file includes the states of random generators, and the name of the loss that its loss state belongs to; loading
    refuses the state of another loss. On local disks writing is atomic; of several workers only the chief writes. A
    damaged file is refused.
    """

    def save(self, filepath, overwrite=True, zipped=None, **kwargs):
        """Saves the model like `keras.Model.save`; the chief writes a `.keras` file atomically.

        Raises:
            ValueError: for a file of HDF5, such as `.h5`.
        """
        check_can_be_loaded(filepath)
        self.build_optimizer()
        if distribute.is_chief(self.distribute_strategy):
            atomic_save(self, filepath, overwrite, zipped, **kwargs)

    def save_weights(self, filepath, overwrite=True, max_shard_size=None):
        """Saves the weights like `keras.Model.save_weights`; the chief writes one file atomically, with a checksum."""
        self.build_optimizer()
        if distribute.is_chief(self.distribute_strategy):
            atomic_save_weights(self, filepath, overwrite, max_shard_size)

    def load_weights(self, filepath, skip_mismatch=False, **kwargs):
        """Loads weights like `keras.Model.load_weights`, and refuses a damaged file.

        Raises:
            OSError: if the file is damaged; nothing is loaded from it.
            ValueError: if the file belongs to another network or loss.
        """
        if pathlib.Path(filepath).is_file():
            checksums.check_file(filepath)
        self.build_optimizer()
        try:
            super().load_weights(filepath, skip_mismatch=skip_mismatch, **kwargs)
        except FileNotFoundError:
            raise
        except (OSError, KeyError, RuntimeError, UnicodeDecodeError) as error:
            raise OSError(f"{filepath} cannot be read: {error}. Is it complete? Load an earlier checkpoint.") from error
        except ValueError as error:
            raise ValueError(
                f"{error} Received: {filepath}. Was it saved with the same network and loss, and is it complete? Else "
                "load another copy."
            ) from error

    def build_optimizer(self):
        """Makes the optimizer's variables before a file is written or read, because Keras skips those not made yet.

        `compile` does not do this, because layers may be frozen or unfrozen between `compile` and `fit`.
        """
        optimizer = getattr(self, "optimizer", None)
        if self.built and optimizer is not None and not optimizer.built:
            with self.distribute_strategy.scope():
                optimizer.build(self.trainable_variables)

    def _random_states(self):
        """Variables of the random generators, which Keras does not save; dropout would otherwise draw other masks."""
        saved = {id(variable) for variable in self.weights}
        return [variable for variable in self.variables if id(variable) not in saved]

    def save_own_variables(self, store):
        super().save_own_variables(store)
        for i, variable in enumerate(self._random_states()):
            store[f"random_{i}"] = variable.numpy()
        if self.loss_state is not None:
            store[_STATE_OF] = np.frombuffer(self._state_owner().encode(), np.uint8)

    def load_own_variables(self, store):
        if getattr(store, "archive", None) is not None:  # Keras reads from an archive without comparing checksums
            checksums.check_archive(store.archive)
        store = {key: store[key] for key in store.keys()}  # noqa: SIM118 (an H5 store)
        self._check_state_owner(bytes(np.asarray(store.get(_STATE_OF, []), np.uint8)).decode())
        super().load_own_variables({key: value for key, value in store.items() if key.isdigit()})  # Keras's own
        for i, variable in enumerate(self._random_states()):
            if f"random_{i}" in store:  # as in Keras, weights of a network with fewer generators are loaded, too
                variable.assign(store[f"random_{i}"])

    def _state_owner(self):
        """Name of the loss that the state belongs to; empty without a state."""
        return "" if self.loss_state is None else self.loss.state_name

    def _check_state_owner(self, saved):
        if saved != self._state_owner():
            raise ValueError(
                f"The file must hold the state of this classifier's loss, {self._state_owner() or 'which has none'}. "
                f"Received one with the state of {saved or 'a loss that has none'}. To load the network alone, save "
                "and load `model.network`."
            )


def check_can_be_loaded(filepath):
    """Refuses HDF5 files for whole models: Keras finds no class of a package in them, and no random generators."""
    name = str(filepath)
    if name.endswith((".h5", ".hdf5")):
        stem = name.rsplit(".", 1)[0].removesuffix(".weights")
        raise ValueError(
            f"`filepath` must end in .keras, because Keras loads no classifier from HDF5. Received: {name!r}. Save it "
            f"as {f'{stem}.keras'!r}; or its weights alone, by `save_weights` or by `save_weights_only=True` of a "
            f"`ModelCheckpoint`, as {f'{stem}.weights.h5'!r}."
        )


def atomic_save(model, filepath, overwrite=True, zipped=None, **kwargs):
    """Saves a model like `keras.Model.save`; a `.keras` file is written atomically."""
    if _is_local_file(filepath, ".keras", overwrite):
        atomic_write(pathlib.Path(filepath), lambda path: keras.Model.save(model, path, zipped=zipped, **kwargs))
    else:
        keras.Model.save(model, filepath, overwrite, zipped, **kwargs)


def atomic_save_weights(model, filepath, overwrite=True, max_shard_size=None):
    """Saves weights like `keras.Model.save_weights`; a single file is written atomically, with a checksum."""
    if max_shard_size is None and _is_local_file(filepath, ".weights.h5", overwrite):
        content = weights_in_memory(model).getbuffer()
        atomic_write(pathlib.Path(filepath), lambda path: checksums.write_with_checksum(path, content))
    else:
        keras.Model.save_weights(model, filepath, overwrite, max_shard_size)


def _is_local_file(filepath, suffix, overwrite):
    """True for a file on a local disk that may be overwritten: no folder, no remote storage, no prompt by Keras."""
    path = pathlib.Path(filepath)
    local = path.parent.is_dir() and "://" not in str(filepath)
    return local and str(filepath).endswith(suffix) and (overwrite or not path.exists())


class _InMemory(io.BytesIO):
    """Bytes in memory with a file name that Keras accepts."""

    def __str__(self):
        return "memory.weights.h5"


def weights_in_memory(model):
    """The content of `save_weights` as a `BytesIO`, because on a full disk HDF5 raises nothing and ends the process."""
    file = _InMemory()
    keras.Model.save_weights(model, file)
    return file


def load_weights_from_memory(model, content):
    """Loads the bytes of a file of weights, already checked, as `load_weights` loads the file."""
    keras.Model.load_weights(model, _InMemory(content))
