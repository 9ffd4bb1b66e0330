"""Ctrl-C at a safe point, whatever the training does when it comes."""

import os
import signal

import keras
import pytest

from tests.saving.test_backup import classifier, fit
from tfp_noise._training.interruption import StopBetweenCalls


@pytest.fixture(scope="module")
def model():
    return classifier()


def presses(event, when, then=lambda: None):
    """A callback that presses Ctrl-C at the `when`-th call of one of its hooks."""
    calls = []

    def press(*_, **__):
        calls.append(event)
        if len(calls) == when:
            os.kill(os.getpid(), signal.SIGINT)
            then()

    return keras.callbacks.LambdaCallback(**{event: press})


def fail():
    raise FloatingPointError("diverged")


@pytest.mark.parametrize(
    ("event", "when", "then"),
    [
        ("on_train_begin", 1, None),
        ("on_epoch_begin", 2, None),
        ("on_train_batch_end", 1, None),
        ("on_train_batch_end", 4, None),
        ("on_epoch_end", 1, None),
        ("on_epoch_end", 2, None),
        ("on_train_end", 1, None),
        ("on_epoch_end", 2, fail),
    ],
)
def test_no_ctrl_c_is_lost(event, when, then, model):
    """Two epochs of two steps; in the callbacks of the last epoch no call follows."""
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt), StopBetweenCalls() as stop:
        fit(model, 2, presses(event, when, then or (lambda: None)), stop)
    assert signal.getsignal(signal.SIGINT) is before


def test_without_ctrl_c_nothing_is_raised(model):
    with StopBetweenCalls() as stop:
        fit(model, 1, stop)
    with pytest.raises(FloatingPointError), StopBetweenCalls():
        fail()
