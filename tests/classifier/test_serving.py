"""Served predictions equal `predict`, for layers with extra state, all kinds of inputs, and all ways to serve."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfp_noise import DistilledClassifier, NoisyLabelClassifier, losses

L = keras.layers
RNG = np.random.default_rng(0)
FLOATS = RNG.normal(100, 50, size=(8, 4)).astype("float32")
INTEGERS = RNG.integers(0, 6, size=(8, 4)).astype("int32")
WORDS = np.array([["cat"], ["dog"], ["cow"], ["dog"], ["cat"], ["owl"], ["fox"], ["cow"]], object)
IMAGES = RNG.integers(0, 255, size=(8, 4, 4, 3)).astype("uint8")


def adapted(layer, data):
    layer.adapt(tf.constant(data) if data is WORDS else data)
    return layer


def embedded(layer):
    return [layer, L.Embedding(12, 4), L.Flatten()]


# How to build each of Keras's layers that keep more than variables, or read other inputs than floats.
RECIPES = {
    "Normalization": (FLOATS, lambda: [adapted(L.Normalization(), FLOATS)]),
    "Discretization": (FLOATS, lambda: embedded(adapted(L.Discretization(num_bins=4), FLOATS))),
    "StringLookup": (WORDS, lambda: embedded(adapted(L.StringLookup(), WORDS))),
    "IntegerLookup": (INTEGERS, lambda: embedded(adapted(L.IntegerLookup(), INTEGERS))),
    "TextVectorization": (WORDS, lambda: embedded(adapted(L.TextVectorization(output_sequence_length=2), WORDS))),
    "Hashing": (WORDS, lambda: embedded(L.Hashing(8))),
    "CategoryEncoding": (INTEGERS, lambda: [L.CategoryEncoding(6, "multi_hot")]),
    "Embedding": (INTEGERS, lambda: [L.Embedding(6, 3), L.Flatten()]),
    "ReversibleEmbedding": (INTEGERS, lambda: [L.ReversibleEmbedding(6, 3), L.Flatten()]),
    "Dense": (FLOATS, lambda: [with_lora(L.Dense(5))]),
    "EinsumDense": (FLOATS, lambda: [with_lora(L.EinsumDense("ab,bc->ac", output_shape=5))]),
    "Lambda": (FLOATS, lambda: [L.Lambda(lambda x: x * 0.01)]),
    "Rescaling": (IMAGES, lambda: [L.Rescaling(1 / 255), L.Flatten()]),
}
OTHERWISE = {
    "TorchModuleWrapper": "Torch's",
    **dict.fromkeys(["Conv1D", "Conv2D", "Conv3D"], "the state of `Dense`: LoRA"),
    **dict.fromkeys(["Convolution1D", "Convolution2D", "Convolution3D"], "other names"),
}


def with_lora(layer):
    """A trained addition to a layer's kernel, scaled by its `lora_alpha`."""
    layer.build([None, 4])
    layer.enable_lora(2, lora_alpha=8.0)
    layer.lora_kernel_b.assign(np.full(layer.lora_kernel_b.shape, 0.3))
    return layer


@keras.saving.register_keras_serializable(package="test_serving")
class Subclassed(keras.Model):
    """Layers without declared inputs."""

    def __init__(self, parts, **kwargs):
        super().__init__(**kwargs)
        self.parts = parts

    def call(self, x):
        for part in self.parts:
            x = part(x)
        return x


def needs_a_recipe(layer):
    """True for a class of Keras with its own store, assets or adaptation."""
    own = ("adapt", "save_assets", "save_own_variables", "load_own_variables")
    return any(getattr(layer, name, None) is not getattr(L.Layer, name, None) for name in own)


def network(parts, features, kind):
    parts = [*parts, L.Dense(6)]
    if kind == "subclassed":
        return Subclassed(parts)
    dtype = "string" if features is WORDS else features.dtype.name
    inputs = keras.Input(features.shape[1:], dtype=dtype)
    if kind == "sequential":
        return keras.Sequential([inputs, *parts])
    outputs = inputs
    for part in [
        *parts[:1],
        keras.Sequential(parts[1:-1] or [L.Identity()]),
        parts[-1],
    ]:  # the middle as a nested model
        outputs = part(outputs)
    return keras.Model(inputs, outputs)


def served_in_every_way(model, features, folder):
    plain = model.deployable()
    yield plain.predict(features, verbose=0)
    model.export(folder / "served", verbose=False)
    served = tf.saved_model.load(str(folder / "served"))
    yield served.serve(features)


def test_every_layer_of_keras_that_keeps_something_has_a_recipe():
    classes = {name: layer for name, layer in vars(L).items() if isinstance(layer, type)}
    special = {name for name, layer in classes.items() if issubclass(layer, L.Layer) and needs_a_recipe(layer)}
    assert special - RECIPES.keys() - OTHERWISE.keys() == set()


# Every day each layer in a model that declares its inputs, and one layer of each kind of features in one that does not.
UNDECLARED = {"Normalization", "StringLookup", "IntegerLookup", "Rescaling"}


@pytest.mark.parametrize(
    ("name", "kind"),
    [(name, "sequential") for name in RECIPES]
    + [pytest.param(name, "subclassed", marks=[pytest.mark.torture] * (name not in UNDECLARED)) for name in RECIPES]
    + [pytest.param(name, "functional", marks=pytest.mark.torture) for name in RECIPES],
)
@pytest.mark.daily(
    "TextVectorization-sequential", "IntegerLookup-subclassed", "Dense-sequential", "Rescaling-sequential"
)
def test_served_is_predicted(name, kind, tmp_path):
    array, parts = RECIPES[name]
    features = tf.constant(array) if array is WORDS else array
    model = NoisyLabelClassifier(network(parts(), array, kind), losses.LogisticNormal(3))
    expected = model.loss.probabilities(model(features))
    for probabilities in served_in_every_way(model, features, tmp_path):
        np.testing.assert_allclose(probabilities, expected, atol=1e-6)


@pytest.mark.parametrize("name", ["Normalization", "TextVectorization", "IntegerLookup", "Dense"])
@pytest.mark.daily("TextVectorization", "Dense")
def test_saved_and_loaded_is_predicted(name, tmp_path):
    """The deployed model, and a teacher in its student."""
    array, parts = RECIPES[name]
    features = tf.constant(array) if array is WORDS else array

    def build():
        net = network(parts(), array, "sequential")
        net.pop()
        net.add(L.Dense(3))
        return NoisyLabelClassifier(net, losses.CrossEntropy(3) if hasattr(losses, "CrossEntropy") else losses.Focal(3))

    teacher = build()
    expected = teacher.predict(features, verbose=0)
    teacher.deployable().save(tmp_path / "plain.keras")
    np.testing.assert_allclose(
        keras.models.load_model(tmp_path / "plain.keras").predict(features, verbose=0), expected, atol=1e-6
    )
    student = DistilledClassifier(build().network, build().loss, teacher)
    student.compile("sgd")
    student.save(tmp_path / "student.keras")
    loaded = keras.models.load_model(tmp_path / "student.keras")
    np.testing.assert_allclose(loaded.teacher.predict(features, verbose=0), expected, atol=1e-6)
    np.testing.assert_allclose(loaded.predict(features, verbose=0), student.predict(features, verbose=0), atol=1e-6)


@pytest.mark.parametrize("names", [("u", "v"), ("v", "u")])
@pytest.mark.daily("names1")
def test_inputs_of_a_dict_keep_their_names(names, tmp_path):
    first, second = (keras.Input([4], name=name) for name in names)
    outputs = L.Dense(3)(L.Concatenate()([L.Dense(4)(first), second]))
    net = keras.Model(dict(zip(names, (first, second), strict=True)), outputs)
    model = NoisyLabelClassifier(net, losses.LabelSmoothing(3))
    features = {"u": FLOATS, "v": -FLOATS}
    expected = model.predict(features, verbose=0)
    for probabilities in served_in_every_way(model, features, tmp_path):
        np.testing.assert_allclose(probabilities, expected, atol=1e-6)


@keras.saving.register_keras_serializable(package="test_serving")
class Gather(keras.Model):
    """Reads integers as integers, which a float would not do, by the names of a dict."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.dense = L.Dense(3)
        self.table = self.add_weight(shape=[6], name="table")

    def build(self, input_shape):  # Keras would build it on floats when loading
        self.dense.build(input_shape["a"])

    def call(self, inputs):
        return self.dense(keras.ops.take(self.table, inputs["ids"], axis=0) * inputs["a"])


def test_a_subclassed_network_is_deployed_with_the_types_it_was_built_on(tmp_path):
    model = NoisyLabelClassifier(Gather(), losses.LabelSmoothing(3))
    features = {"ids": INTEGERS, "a": FLOATS}
    expected = model.predict(features, verbose=0)
    for probabilities in served_in_every_way(model, features, tmp_path):
        np.testing.assert_allclose(probabilities, expected, atol=1e-6)
    model.compile("sgd")
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(loaded.deployable().predict(features, verbose=0), expected, atol=1e-6)


def test_a_deployed_model_has_weights_of_its_own():
    model = NoisyLabelClassifier(network([L.Dense(4), L.Dropout(0.5)], FLOATS, "functional"), losses.LogisticNormal(3))
    plain = model.deployable()
    assert plain._called  # otherwise Keras refuses to export to ONNX
    before = plain.predict(FLOATS, verbose=0)
    model.network.set_weights([weight * 0 for weight in model.network.get_weights()])
    np.testing.assert_array_equal(plain.predict(FLOATS, verbose=0), before)
