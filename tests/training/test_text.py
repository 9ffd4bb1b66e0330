"""Networks that look up text: features in arrays, columns and tensors, in memory and in batches."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfp_noise import NoisyLabelClassifier, callbacks, cross_predict, losses

WORDS = np.array(["rot", "grün", "blau", "grün"] * 4)
LABELS = np.array([0, 1, 2, 1] * 4)
N = len(WORDS)


def network():
    word, size = keras.Input([1], dtype="string", name="word"), keras.Input([2], name="size")
    number = keras.layers.StringLookup(vocabulary=["rot", "grün", "blau"])(word)
    embedded = keras.layers.Flatten()(keras.layers.Embedding(4, 3)(number))
    filled = keras.ops.where(keras.ops.isnan(size), 0.0, size)
    together = keras.layers.Concatenate()([embedded, filled])
    return keras.Model({"word": word, "size": size}, keras.layers.Dense(3)(together))


def compiled():
    keras.utils.set_random_seed(0)
    model = NoisyLabelClassifier(network(), losses.CrossEntropy(3))
    model.compile(keras.optimizers.Adam(0.1), metrics=["accuracy"], run_eagerly=True)
    return model


def features(words):
    return {"word": words, "size": np.zeros([N, 2], "float32")}


class Batches(keras.utils.PyDataset):
    """The words as NumPy has them."""

    def __len__(self):
        return 2

    def __getitem__(self, i):
        part = slice(8 * i, 8 * i + 8)
        return {key: value[part] for key, value in features(WORDS[:, np.newaxis]).items()}, LABELS[part]


def a_column():
    return pytest.importorskip("pandas").Series(WORDS, index=np.arange(N)[::-1])


WAYS = {
    "text of NumPy": lambda: WORDS[:, np.newaxis],
    "objects": lambda: WORDS.astype(object),
    "a column of pandas": a_column,
    "bytes": lambda: np.array([word.encode() for word in WORDS]),
}

if hasattr(np.dtypes, "StringDType"):  # from NumPy 2 on
    WAYS["strings of any length"] = lambda: WORDS.astype(np.dtypes.StringDType())[:, np.newaxis]


@pytest.fixture(scope="module")
def of_tensors():
    """The history and the predictions of a training on tensors."""
    model, x = compiled(), features(tf.constant(WORDS[:, np.newaxis]))
    history = model.fit(x, LABELS, batch_size=8, validation_data=(x, LABELS), shuffle=False, verbose=0).history
    return history, model.predict(x, verbose=0)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.daily("text of NumPy", "a column of pandas")
def test_text_trains_like_a_tensor_of_it(way, of_tensors):
    model, x = compiled(), features(WAYS[way]())
    history = model.fit(x, LABELS, batch_size=8, validation_data=(x, LABELS), shuffle=False, verbose=0).history
    assert history == of_tensors[0]
    np.testing.assert_array_equal(model.predict(x, verbose=0), of_tensors[1])


def test_text_in_batches_trains_like_a_tensor_of_it(of_tensors):
    model = compiled()
    history = model.fit(Batches(), validation_data=Batches(), shuffle=False, verbose=0).history
    assert history == of_tensors[0]
    assert model.predict(Batches(), verbose=0).tolist() == of_tensors[1].tolist()
    generated = (Batches()[i][:1] for i in range(2))
    assert model.predict(generated, steps=2, verbose=0).tolist() == of_tensors[1].tolist()


def test_text_beside_gaps_that_the_network_fills():
    x = features(WORDS)
    x["size"][3] = np.nan
    assert np.isfinite(compiled().fit(x, LABELS, verbose=0).history["loss"]).all()


ACTS = {
    "fit": lambda x: compiled().fit(x, LABELS, verbose=0),
    "validation": lambda x: compiled().fit(features(WORDS), LABELS, validation_data=(x, LABELS), verbose=0),
    "predict": lambda x: compiled().predict(x, verbose=0),
    "evaluate": lambda x: compiled().evaluate(x, LABELS, verbose=0),
    "cross_predict": lambda x: cross_predict(compiled, x, LABELS, folds=2, epochs=1, verbose=0),
}


@pytest.mark.parametrize("act", ACTS)
@pytest.mark.parametrize("words", [WORDS.tolist(), list(WORDS)], ids=["of text", "of NumPy's text"])
def test_lists_of_text_are_refused_with_an_array_in_their_place(act, words):
    x = features(words)
    name = {"cross_predict": "features", "validation": "validation x"}.get(act, "x")
    with pytest.raises(TypeError, match=f"`{name}` must hold arrays.*'rot'.*, a single entry, as in a list") as refused:
        ACTS[act](x)
    cure = f"np.array({name.split()[-1]}['word'], dtype=object)"
    assert f"`{cure}`" in str(refused.value)
    cured = features(eval(cure, {"np": np, "x": x, "features": x}))
    assert compiled().predict(cured, verbose=0).shape == (N, 3)


@pytest.mark.parametrize("x", [["rot", "blau"], [[1.0, 2.0], [3.0, 4.0]], ["rot"]], ids=["text", "numbers", "one"])
def test_lists_are_refused_by_their_name(x):
    kind = ", dtype=object" if x[0] == "rot" else ""
    for act in (lambda: compiled().fit(x, [0, 1], verbose=0), lambda: compiled().predict(x, verbose=0)):
        with pytest.raises(TypeError, match=rf"`x` must hold arrays.*Pass `np.array\(x{kind}\)`"):
            act()


def test_a_generator_of_lists_is_refused():
    batches = (([[1.0, 2.0]] * 4, [0, 1, 2, 0]) for _ in range(2))
    with pytest.raises(TypeError, match=r"`x` must hold arrays.*1.0, a single entry.*Pass `np.array\(x\)`"):
        compiled().fit(batches, steps_per_epoch=2, shuffle=False, verbose=0)


def test_a_column_of_text_goes_on_where_arrays_of_one_column_were():
    """TensorFlow knows no number of axes for features that had one axis in one call and two in another."""
    pandas, words = pytest.importorskip("pandas"), WORDS[:, np.newaxis]
    keras.utils.set_random_seed(0)
    word = keras.Input([1], dtype="string")
    number = keras.layers.StringLookup(vocabulary=["rot", "grün", "blau"])(word)
    embedded = keras.layers.Flatten()(keras.layers.Embedding(4, 3)(number))
    model = NoisyLabelClassifier(keras.Model(word, keras.layers.Dense(3)(embedded)), losses.CrossEntropy(3))
    model.compile(keras.optimizers.Adam(0.1), jit_compile=False)
    of_array = model.predict(words, verbose=0)
    np.testing.assert_array_equal(model.predict(pandas.Series(WORDS), verbose=0), of_array)
    model.fit(words, LABELS, verbose=0)
    assert np.isfinite(model.fit(pandas.Series(WORDS), LABELS, verbose=0).history["loss"]).all()


@pytest.mark.parametrize("words", [WORDS, tf.constant(WORDS)], ids=["array", "tensor"])
def test_cross_prediction_of_text(words):
    probabilities = cross_predict(compiled, features(words), LABELS, folds=2, epochs=1, verbose=0)
    assert probabilities.shape == (N, 3)


@pytest.mark.parametrize("words", [WORDS, tf.constant(WORDS)], ids=["array", "tensor"])
def test_a_backup_tells_text_apart(words, tmp_path, caplog):
    """In any encoding, also beyond ASCII."""
    for given, is_another in ((words, False), (words, False), (WORDS[::-1], True)):
        backup = callbacks.BackupAndRestore(tmp_path, delete_checkpoint=False)
        compiled().fit(features(given), LABELS, epochs=1, callbacks=[backup], verbose=0)
        assert any("x: 16 examples" in one for one in backup.differences) == is_another
