"""Warning of trainings that end before a method has corrected any label."""

import keras
import pytest

from tests.helpers.small_classifier import FEATURES, LABELS, network
from tfp_noise import DynamicBootstrap, NoisyLabelClassifier, PrototypeCorrection, losses
from tfp_noise.losses._state import StateAfterWarmUp

K, WARM_UP = 3, 3


def pencil():
    return NoisyLabelClassifier(network(K), losses.PENCIL(K, len(LABELS), backbone_epochs=WARM_UP))


def bootstrap():
    return DynamicBootstrap(network(K), losses.CrossEntropy(K), WARM_UP)


def prototypes():
    return PrototypeCorrection(network(K), losses.CrossEntropy(K), WARM_UP, num_samples=20)


@pytest.fixture(
    params=[("backbone_epochs", pencil), ("warm_up", bootstrap), ("warm_up", prototypes)],
    ids=["pencil", "bootstrap", "prototypes"],
)
def named(request):
    """The argument that sets the warm-up, a compiled model, and the state that counts its epochs."""
    name, build = request.param
    model = build()
    model.compile("sgd", run_eagerly=True)
    (state,) = [layer for layer in model.layers if isinstance(layer, StateAfterWarmUp)]
    return name, model, state


def fit(model, epochs, **kwargs):
    model.fit(FEATURES, LABELS, batch_size=48, epochs=epochs, verbose=0, **kwargs)


def test_a_training_within_the_warm_up_warns_once(named):
    name, model, state = named
    message = (
        f"`{name}` should be less than the number of epochs. Received: 3, and a training of 2 epochs .* no label is "
        f"corrected. Lower `{name}`, train for at least 4 epochs"
    )
    with pytest.warns(UserWarning, match=message):
        fit(model, 2)
    fit(model, 1)  # the third epoch, of which the same holds
    assert int(state.epochs) == 3


def test_epochs_of_earlier_trainings_count(named):
    _, model, state = named
    state.epochs.assign(2)
    fit(model, 4, initial_epoch=2)


def test_a_training_that_a_callback_ends_within_the_warm_up_warns(named):
    _, model, _ = named
    stop = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: setattr(model, "stop_training", True))
    with pytest.warns(UserWarning, match="Received: 3, and a training of 1 epoch .* Train for at least 4"):
        fit(model, 4, callbacks=[stop])


def test_without_a_warm_up_nothing_warns():
    model = NoisyLabelClassifier(network(K), losses.PENCIL(K, len(LABELS), backbone_epochs=0))
    model.compile("sgd", run_eagerly=True)
    fit(model, 1)
