"""What the files of a classifier hold besides what Keras puts in."""

import keras
import numpy as np

_STATE_OF = "loss_state_of"


class ResumableModel(keras.Model):
    """A model with a `loss` and its `loss_state`, whose training goes on from a file as if it had not stopped.

    The file holds the states of random generators, and says which loss the state in it is of: that of another one is
    refused.
    """

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
        store = {key: store[key] for key in store.keys()}  # noqa: SIM118 (an H5 store)
        self._check_state_owner(bytes(np.asarray(store.pop(_STATE_OF, []), np.uint8)).decode())
        states = {key: value for key, value in store.items() if key.startswith("random_")}
        super().load_own_variables({key: value for key, value in store.items() if key not in states})
        for i, variable in enumerate(self._random_states()):
            if f"random_{i}" in states:  # weights of a network with fewer of them load too, as in Keras
                variable.assign(states[f"random_{i}"])

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
