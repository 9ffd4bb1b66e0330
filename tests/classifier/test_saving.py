"""Saved and loaded classifiers, whose training continues as if it had not been interrupted."""

import keras
import numpy as np
import pytest

from tests.helpers.losses_under_test import LOSSES_UNDER_TEST
from tests.helpers.small_classifier import FEATURES, classifier, fit, with_random_weights
from tfp_noise import losses


@pytest.mark.parametrize(
    "name",
    ["forward", "logistic_normal"]
    + [pytest.param(name, marks=pytest.mark.torture) for name in ("smoothing", "logistic_normal_no_dummy_rank2")],
)
@pytest.mark.daily("logistic_normal")
def test_training_goes_on_bit_for_bit_after_save_and_load(name, tmp_path):
    """A file written after half of the epochs restores dropout, Adam's slots and batch statistics, too."""
    whole, outputs = classifier(LOSSES_UNDER_TEST[name].build(3)), []

    class SaveHalfWay(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            if epoch == 1:
                outputs.append(whole(FEATURES))
                whole.save(tmp_path / "half.keras")

    expected = fit(whole, 4, callbacks=[SaveHalfWay()])["loss"]
    keras.utils.set_random_seed(99)
    restored = keras.models.load_model(tmp_path / "half.keras")
    np.testing.assert_array_equal(restored(FEATURES), outputs[0])
    assert fit(restored, 2)["loss"] == expected[2:]
    for a, b in zip(restored.get_weights(), whole.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert restored.loss.get_config() == whole.loss.get_config()


@pytest.mark.thorough
def test_random_generators_are_what_makes_resuming_exact(tmp_path):
    """Without the state of the generators, a restored model would repeat the dropout of the first epochs."""
    model = classifier(losses.LabelSmoothing(3))
    fit(model, 1)
    states = [variable.numpy() for variable in model._random_states()]
    assert len(states) == 1
    model.save(tmp_path / "m.keras")
    fresh = classifier(losses.LabelSmoothing(3))
    assert (fresh._random_states()[0].numpy() != states[0]).any()
    np.testing.assert_array_equal(keras.models.load_model(tmp_path / "m.keras")._random_states()[0], states[0])


def test_weights_alone_come_back(tmp_path):
    model = with_random_weights(losses.LogisticNormal(3))
    model.save_weights(tmp_path / "m.weights.h5")
    other = classifier(losses.LogisticNormal(3))
    other.load_weights(tmp_path / "m.weights.h5")
    np.testing.assert_array_equal(other.predict(FEATURES, verbose=0), model.predict(FEATURES, verbose=0))


def test_weights_stored_without_random_generators_load():
    """Files of Keras do not contain the random generators, and load all the same."""
    model = classifier(losses.LabelSmoothing(3))
    before = model._random_states()[0].numpy()
    model.load_own_variables({})
    np.testing.assert_array_equal(model._random_states()[0], before)


@pytest.mark.parametrize("suffix", [".h5", ".hdf5", ".weights.h5"])
@pytest.mark.daily(".h5")
def test_whole_models_in_hdf5_are_refused_before_an_epoch_is_spent(suffix, tmp_path):
    model, path = classifier(losses.CrossEntropy(3)), tmp_path / f"of.two{suffix}"
    acts = [lambda: model.save(path)]
    if suffix == ".h5":
        acts.append(lambda: fit(model, callbacks=[keras.callbacks.ModelCheckpoint(str(path))]))
    for act in acts:
        with pytest.raises(ValueError, match=r"`filepath` must end in .keras.*Received: ") as refused:
            act()
        cures = [str(tmp_path / name) for name in ("of.two.keras", "of.two.weights.h5")]
        assert all(f"{cure!r}" in str(refused.value) for cure in cures)
    assert not list(tmp_path.iterdir())
    assert int(model.optimizer.iterations) == 0
    model.save(cures[0])
    model.save_weights(cures[1])
    weights = keras.callbacks.ModelCheckpoint(cures[1], save_weights_only=True)
    fit(model, callbacks=[weights, keras.callbacks.ModelCheckpoint(cures[0])])
    expected = model.predict(FEATURES, verbose=0)
    np.testing.assert_array_equal(keras.models.load_model(cures[0]).predict(FEATURES, verbose=0), expected)
