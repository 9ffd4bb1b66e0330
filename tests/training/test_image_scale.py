"""Warnings of images on another scale than a network expects or was trained on, and of no others."""

import contextlib
import warnings

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfp_noise import (
    DistilledClassifier,
    LearningToReweight,
    NoisyLabelClassifier,
    attacks,
    datasets,
    losses,
    pipeline,
)

L = keras.layers
RNG = np.random.default_rng(0)
PIXELS = RNG.integers(0, 256, (24, 8, 8, 3)).astype("uint8")
UNIT = PIXELS / np.float32(255)
LABELS = RNG.integers(0, 3, 24).astype("int32")
EXAMPLES = datasets.Examples(PIXELS, LABELS, np.arange(24))
DATA = datasets.Dataset("images", EXAMPLES, EXAMPLES, EXAMPLES, ("a", "b", "c"))
TOO_LARGE = r"`x` should be floats in \[0, 1\].* Received uint8.* `examples.inputs`"
TOO_SMALL = r"`x` should be pixels from 0 to 255.* Received floats in \[0, 1\].* `examples.features`"


class Subclassed(keras.Model):
    """A subclassed network, whose graph Keras does not know."""

    def __init__(self, scale):
        super().__init__()
        self.scale, self.head = scale, keras.Sequential([L.Flatten(), L.Dense(3)])

    def call(self, x):
        return self.head(keras.ops.cast(x, "float32") * self.scale)


def normalization(features):
    layer = L.Normalization()
    layer.adapt(features)
    return layer


# Layers before a flat head, by the features that they are made for; in the last group, for whatever comes.
MADE_FOR = {
    "unit": {
        "nothing": lambda: [],
        "convolution": lambda: [L.Conv2D(2, 3)],
        "dilated": lambda: [L.Conv2D(2, 3, dilation_rate=2)],
        "separable": lambda: [L.SeparableConv2D(2, 3)],
        "padding": lambda: [L.ZeroPadding2D(), L.Conv2D(2, 3)],
        "pooling": lambda: [L.AveragePooling2D(2)],
        "global pooling": lambda: [L.GlobalAveragePooling2D()],
        "resizing": lambda: [L.Resizing(4, 4), L.Conv2D(2, 3)],
        "augmentation": lambda: [L.RandomFlip(), L.RandomTranslation(0.1, 0.1), L.Dropout(0.5)],
        "sequence": lambda: [L.Reshape([64, 3]), L.Conv1D(2, 3)],
        "to [-1, 1]": lambda: [L.Rescaling(2.0, -1.0)],
        "to pixels": lambda: [L.Rescaling(255.0, [-103.9, -116.8, -123.7])],
        "adapted": lambda: [normalization(UNIT)],
        "subclassed": lambda: Subclassed(1.0),
        "unbuilt": lambda: keras.Sequential([L.Flatten(), L.Dense(3)]),
    },
    "pixels": {
        "rescaling": lambda: [L.Rescaling(1 / 255)],
        "rescaling to [-1, 1]": lambda: [L.Rescaling(1 / 127.5, -1.0)],
        "and normalised": lambda: [L.Rescaling(1 / 255), L.Normalization(mean=[0.5] * 3, variance=[0.05] * 3)],
        "batch normalisation": lambda: [L.Rescaling(1 / 255), L.BatchNormalization()],
        "lambda": lambda: [L.Lambda(lambda x: x / 255)],
        "nested": lambda: [keras.Sequential([keras.Input([8, 8, 3]), L.Rescaling(1 / 255), L.Conv2D(2, 3)])],
        "adapted": lambda: [normalization(PIXELS)],
        "subclassed": lambda: Subclassed(1 / 255),
        "unbuilt": lambda: keras.Sequential([L.Rescaling(1 / 255), L.Flatten(), L.Dense(3)]),
    },
    "anything": {
        "batch normalisation": lambda: [L.BatchNormalization()],
        "group normalisation": lambda: [L.GroupNormalization(3)],
        "means taken off": lambda: [L.Rescaling(1.0, -120.0)],
    },
}
NETWORKS = [(made_for, name) for made_for, group in MADE_FOR.items() for name in group]


def classifier(build):
    network = build()
    if isinstance(network, list):
        network = keras.Sequential([keras.Input([8, 8, 3]), *network, L.Flatten(), L.Dense(3)])
    model = NoisyLabelClassifier(network, losses.LabelSmoothing(3))
    model.compile("sgd", run_eagerly=True)  # a trace costs more than these few steps
    return model


def warned(message):
    return pytest.warns(UserWarning, match=message) if message else contextlib.nullcontext()


@pytest.mark.parametrize(("made_for", "name"), NETWORKS)
def test_a_network_is_given_what_its_first_layers_are_made_for(made_for, name):
    """Warnings before any training; after it, there is none of features on the scale of training."""
    for features, message in ((PIXELS, TOO_LARGE), (UNIT, TOO_SMALL)):
        right = made_for in ("anything", "pixels" if features is PIXELS else "unit")
        model = classifier(MADE_FOR[made_for][name])
        with warned(None if right else message):
            if model.built:
                model.scale_check("x", features, training=True)
            else:  # which `fit` builds
                model.fit(features, LABELS, batch_size=24, verbose=0)
        model.scale_check("x", features)


@pytest.fixture(scope="module")
def trained():
    """Models by the scale of their training; their first layer accepts any scale."""
    models = {}
    for scale, features in (("pixels", PIXELS), ("unit", UNIT)):
        models[scale] = classifier(MADE_FOR["anything"]["batch normalisation"])
        models[scale].fit(features, LABELS, verbose=0)
    return models


def distilled(network, images):
    teacher = classifier(MADE_FOR["anything"]["batch normalisation"])
    teacher.scale_check("x", images, training=True)
    return DistilledClassifier(network, losses.CrossEntropy(3), teacher)


WITH_OTHER_IMAGES = {
    "clean": lambda network, images: LearningToReweight(network, losses.CrossEntropy(3), (images, LABELS)),
    "teacher's x": distilled,
}


@pytest.mark.parametrize("name", WITH_OTHER_IMAGES)
@pytest.mark.parametrize("images", [PIXELS, UNIT], ids=["pixels", "unit"])
def test_a_clean_set_and_a_teacher_are_on_the_scale_of_training(name, images):
    network = keras.Sequential([keras.Input([8, 8, 3]), L.BatchNormalization(), L.Flatten(), L.Dense(3)])
    model = WITH_OTHER_IMAGES[name](network, images)
    model.compile("sgd", run_eagerly=True)
    model.fit(images, LABELS, batch_size=24, verbose=0)
    with pytest.warns(UserWarning, match=f"`{name}` should be .*, as in training"):
        model.fit(UNIT if images is PIXELS else PIXELS, LABELS, batch_size=24, verbose=0)


def as_dataset(features):
    return tf.data.Dataset.from_tensor_slices((features, LABELS)).batch(8)


CALLS = {
    "predict": lambda model, x: model.predict(x, verbose=0),
    "predict a dataset": lambda model, x: model.predict(as_dataset(x), verbose=0),
    "evaluate": lambda model, x: model.evaluate(x, LABELS, verbose=0),
    "evaluate a dataset": lambda model, x: model.evaluate(as_dataset(x), verbose=0),
    "evaluate a generator": lambda model, x: model.evaluate(((x, LABELS) for _ in range(2)), steps=2, verbose=0),
}


@pytest.mark.parametrize("call", CALLS)
def test_pixels_after_training_on_floats(call, trained):
    trained["unit"].scale_check._warned.clear()
    CALLS[call](trained["pixels"], PIXELS)
    with pytest.warns(UserWarning, match=TOO_LARGE.replace("1\\]", "1\\], as in training")):
        CALLS[call](trained["unit"], PIXELS)


def test_floats_after_training_on_pixels(trained, tmp_path):
    trained["unit"].predict(UNIT, verbose=0)
    trained["pixels"].save(tmp_path / "model.keras")
    for model in (trained["pixels"], keras.models.load_model(tmp_path / "model.keras")):
        for x in (UNIT, pipeline.one_pass(EXAMPLES, 8).take(2)):
            model.scale_check._warned.clear()
            with pytest.warns(UserWarning, match=TOO_SMALL.replace("255", "255, as in training")):
                model.predict(x, verbose=0)


def test_the_pipeline_and_inputs_are_one_scale_and_raw_images_are_warned_of():
    """A model trained by the pipeline warns of `features`, which are pixels, and not of `inputs`."""
    model, batches = classifier(MADE_FOR["unit"]["nothing"]), pipeline.batches(DATA, 8)
    model.fit(batches.train, steps_per_epoch=3, shuffle=False, validation_data=batches.validation, verbose=0)
    np.testing.assert_array_equal(
        model.predict(batches.test, verbose=0), model.predict(EXAMPLES.inputs, batch_size=8, verbose=0)
    )
    with pytest.warns(UserWarning, match=TOO_LARGE):
        model.predict(EXAMPLES.features, verbose=0)


def test_validation_on_another_scale_than_training():
    with pytest.warns(UserWarning, match=r"`validation x` should be floats in \[0, 1\], as in training"):
        classifier(MADE_FOR["unit"]["nothing"]).fit(UNIT, LABELS, validation_data=(PIXELS, LABELS), verbose=0)


@pytest.mark.parametrize("make", [lambda: pipeline.batches(DATA, 8).train, lambda: pipeline.one_pass(EXAMPLES, 8)])
def test_what_the_pipeline_has_scaled_is_not_scaled_again_unheard(make):
    model = classifier(MADE_FOR["pixels"]["rescaling"])
    with pytest.warns(UserWarning, match=TOO_SMALL):
        model.fit(make(), steps_per_epoch=2, shuffle=False, verbose=0)


def test_a_stream_of_images_is_on_the_scale_of_the_pipeline():
    source = tf.data.Dataset.from_tensor_slices((PIXELS, LABELS, np.arange(24)))
    with pytest.warns(UserWarning, match=TOO_SMALL):
        classifier(MADE_FOR["pixels"]["rescaling"]).fit(
            pipeline.stream(source, np.eye(3), 8), steps_per_epoch=2, shuffle=False, verbose=0
        )


def test_attacks_on_a_network_that_divides_pixels():
    with pytest.warns(UserWarning, match=TOO_SMALL.replace("x", "features", 1)):
        attacks.fast_gradient_sign(classifier(MADE_FOR["pixels"]["rescaling"]), UNIT, LABELS)


def test_other_features_and_inputs_by_name_are_left_alone():
    inputs = {name: keras.Input([4, 4], name=name) for name in ("a", "b")}
    joined = L.Concatenate()([L.Rescaling(1 / 255)(inputs["a"]), inputs["b"]])
    network = keras.Model(inputs, L.Dense(3)(L.Flatten()(joined)))
    model = NoisyLabelClassifier(network, losses.LabelSmoothing(3))
    model.compile("sgd", jit_compile=False)
    pixels, floats = PIXELS[:, :4, :4, 0], -UNIT[:, :4, :4, 0]
    model.fit({"a": pixels, "b": floats}, LABELS, verbose=0)
    with pytest.warns(UserWarning, match=TOO_LARGE):
        model.fit({"a": floats, "b": pixels}, LABELS, verbose=0)


@pytest.mark.parametrize("given", [PIXELS, PIXELS.astype("float32")])
def test_pixels_of_any_type_after_training_without_are_warned_of(given):
    model = classifier(MADE_FOR["unit"]["nothing"])
    model.fit(UNIT, LABELS, verbose=0)
    with pytest.warns(UserWarning, match=r"`x` should be floats in \[0, 1\], as in training"):
        model.predict(given, verbose=0)


def test_what_only_looks_like_another_scale_is_left_alone():
    """Pixels in other dtypes, black images, batches that the user has scaled, and flags in a table."""
    model = classifier(MADE_FOR["unit"]["nothing"])
    model.fit(PIXELS.astype("float32"), LABELS, verbose=0)
    model.predict(PIXELS, verbose=0)
    model.predict(np.zeros_like(UNIT), verbose=0)
    scaled = pipeline.one_pass(EXAMPLES, 8).map(lambda x, y: (x * 255.0, y))
    classifier(lambda: [L.Rescaling(1 / 255), L.Flatten()]).fit(scaled, verbose=0, shuffle=False)
    flags = NoisyLabelClassifier(keras.Sequential([keras.Input([8]), L.Dense(3)]), losses.LabelSmoothing(3))
    flags.compile("sgd", jit_compile=False)
    flags.fit(np.eye(8, dtype=np.uint8), np.zeros(8, int), verbose=0)


def test_the_warning_stands_at_the_callers_line():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        classifier(MADE_FOR["unit"]["nothing"]).fit(PIXELS, LABELS, verbose=0)
        classifier(MADE_FOR["unit"]["unbuilt"]).fit(PIXELS, LABELS, verbose=0)
    assert [one.filename for one in caught] == [__file__] * 2


def test_inputs_are_the_batches_of_the_pipeline():
    assert EXAMPLES.inputs.dtype == np.float32
    np.testing.assert_array_equal(EXAMPLES.inputs, np.concatenate([x for x, _ in pipeline.one_pass(EXAMPLES, 8)]))
    floats = datasets.load("two_moons").train
    assert floats.inputs is floats.features
