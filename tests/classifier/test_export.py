"""Files for ONNX and for LiteRT in 8-bit integers: the probabilities of `predict`, and refusals."""

import pathlib
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.helpers.losses_under_test import DAILY, LOSSES_UNDER_TEST
from tfp_noise import NoisyLabelClassifier, losses
from tfp_noise._saving.onnx_export import _check_file, export_onnx

L = keras.layers
FEATURES = np.random.default_rng(0).uniform(size=(64, 6, 6, 1)).astype("float32")
TABLE = np.random.default_rng(1).normal(100, 50, size=(8, 4)).astype("float32")


def adapted(layer, data):
    layer.adapt(data)
    return layer


def classifier(shape, *layers, dtype="float32", loss=None):
    loss = loss or losses.LogisticNormal(3, temperature=0.5)
    return NoisyLabelClassifier(
        keras.Sequential([keras.Input(shape, name="features", dtype=dtype), *layers, L.Dense(loss.num_outputs)]), loss
    )


def images(loss=None):
    hidden = [L.Conv2D(4, 3, activation="relu"), L.BatchNormalization(), L.Flatten(), L.Dense(8, activation="relu")]
    return classifier([6, 6, 1], *hidden, loss=loss)


@pytest.fixture
def onnx_runtime():
    pytest.importorskip("tf2onnx")
    return pytest.importorskip("onnxruntime")


def has_logits_of_its_own(loss):
    """True if the probabilities are another function of the outputs than softmax."""
    return type(loss).logits is not losses.NoisyLabelLoss.logits


@pytest.mark.parametrize("num_classes", [3, 100])
@pytest.mark.parametrize(
    "name", ["cross_entropy", *(name for name in DAILY if has_logits_of_its_own(LOSSES_UNDER_TEST[name].build(3)))]
)
@pytest.mark.daily("logistic_normal-3", "heteroscedastic-100")
def test_onnx_gives_the_probabilities_of_predict(name, num_classes, onnx_runtime, tmp_path):
    loss = LOSSES_UNDER_TEST[name].build(num_classes)
    model = images(loss)
    model.export(tmp_path / "model.onnx", format="onnx", verbose=False)
    session = onnx_runtime.InferenceSession(str(tmp_path / "model.onnx"))
    (found,) = session.run(None, {"features": FEATURES})
    np.testing.assert_allclose(found, model.predict(FEATURES, verbose=0), atol=1e-6)


def test_onnx_keeps_the_statistics_of_a_normalization(onnx_runtime, tmp_path):
    model = classifier([4], adapted(L.Normalization(), TABLE))
    before = model.predict(TABLE, verbose=0)
    model.export(tmp_path / "model.onnx", format="onnx", verbose=False)
    session = onnx_runtime.InferenceSession(str(tmp_path / "model.onnx"))
    assert [one.name for one in session.get_inputs()] == ["features"]
    np.testing.assert_allclose(session.run(None, {"features": TABLE})[0], before, atol=1e-6)
    np.testing.assert_array_equal(model.predict(TABLE, verbose=0), before)


@pytest.mark.parametrize(
    ("layer", "dtype"),
    [
        (L.StringLookup(vocabulary=["a", "b"], output_mode="one_hot"), "string"),
        (L.IntegerLookup(vocabulary=[3, 5], output_mode="one_hot"), "int64"),
        (L.Hashing(4, output_mode="one_hot"), "string"),
    ],
    ids=lambda one: one if isinstance(one, str) else type(one).__name__,
)
def test_onnx_refuses_tables_before_it_starts(layer, dtype, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tf2onnx", pytest)  # any module: it is not reached
    model = classifier([1], keras.Sequential([layer]), dtype=dtype)
    with pytest.raises(ValueError, match=rf"must have no lookup table.* Received: '\w+' \({type(layer).__name__}\)"):
        model.export(tmp_path / "model.onnx", format="onnx", verbose=False)
    assert not list(tmp_path.iterdir())


def test_onnx_refuses_operations_that_it_lacks_and_writes_nothing(onnx_runtime, tmp_path):
    del onnx_runtime
    model = classifier([4], adapted(L.Discretization(num_bins=4, output_mode="multi_hot"), TABLE))
    with pytest.raises(ValueError, match=r"operations that ONNX has\. Received: Bucketize, which it lacks\. Nothing"):
        model.export(tmp_path / "model.onnx", format="onnx", verbose=False)
    assert not list(tmp_path.iterdir())


def test_onnx_refuses_constants_that_would_be_inputs(onnx_runtime, tmp_path):
    def export(constant):
        features = keras.Input([4], name="features")
        network = keras.Model(features, L.Dense(3)(features * constant))
        NoisyLabelClassifier(network, losses.CrossEntropy(3)).export(path, format="onnx", verbose=False)

    constant, path = np.arange(1, 5, dtype="float32"), tmp_path / "model.onnx"
    with pytest.raises(ValueError, match=r"must not compute with constant tensors .*the constants \S+\. Nothing was"):
        export(keras.ops.convert_to_tensor(constant))
    assert not path.exists()
    export(constant)  # as the message says
    assert len(onnx_runtime.InferenceSession(str(path)).get_inputs()) == 1
    photos = keras.Input([32, 32, 3], name="photos")
    scaled = L.Lambda(keras.applications.resnet.preprocess_input)(photos)  # as it says, too
    network = keras.Model(photos, L.Dense(3)(L.Flatten()(scaled)))
    NoisyLabelClassifier(network, losses.CrossEntropy(3)).export(path, format="onnx", verbose=False)
    assert len(onnx_runtime.InferenceSession(str(path)).get_inputs()) == 1


WRITTEN_OUT = {"log1p": keras.ops.log1p, "expm1": keras.ops.expm1, "gelu": keras.ops.gelu}


@pytest.mark.parametrize("version", [None, 15, 17, 18])
@pytest.mark.parametrize("name", WRITTEN_OUT)
@pytest.mark.daily("log1p-None", "expm1-18", "gelu-None")
def test_onnx_gets_operations_that_it_lacks_written_out(name, version, onnx_runtime, tmp_path):
    """With all digits, in a model of nothing else."""
    inputs = keras.Input([1], name="features")
    model = keras.Model(inputs, WRITTEN_OUT[name](inputs))
    values = np.concatenate([10.0 ** np.arange(-8, 1.7, 0.3), [0.0]])
    values = np.concatenate([values, -values])[:, np.newaxis]
    values = (np.expm1(values) if name == "log1p" else values).astype("float32")
    expected = np.asarray(model(values))
    export_onnx(model, tmp_path / "model.onnx", verbose=False, opset_version=version)
    (found,) = onnx_runtime.InferenceSession(str(tmp_path / "model.onnx")).run(None, {"features": values})
    np.testing.assert_allclose(found, expected, rtol=2e-6, atol=1e-6 if name == "gelu" else 0)


@pytest.mark.parametrize("name", ["log1p", "expm1"])
@pytest.mark.thorough
def test_onnx_knows_the_limits_of_operations_that_are_written_out(name, onnx_runtime, tmp_path):
    inputs = keras.Input([1], name="features")
    model = keras.Model(inputs, WRITTEN_OUT[name](inputs))
    values = np.array([[-np.inf], [-2.0], [-1.0], [3e38], [np.inf], [np.nan]], "float32")
    expected = np.asarray(model(values))
    export_onnx(model, tmp_path / "model.onnx", verbose=False)
    (found,) = onnx_runtime.InferenceSession(str(tmp_path / "model.onnx")).run(None, {"features": values})
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_onnx_export_of_mixed_precision(onnx_runtime, tmp_path, caplog):
    path = tmp_path / "model.onnx"
    for policy in ("mixed_float16", "mixed_bfloat16"):
        hidden = L.Dense(8, activation=keras.ops.log1p, dtype=policy), L.Dense(3, dtype=policy)
        loss = losses.BiTempered(3, 0.7, 1.5)
        model = NoisyLabelClassifier(keras.Sequential([keras.Input([4], name="features"), *hidden]), loss)
        features = np.abs(TABLE) / 100
        model(features)
        if policy == "mixed_bfloat16":
            with pytest.raises(ValueError, match=r"must be of types that ONNX allows together\. Received: .*float32"):
                model.export(path, format="onnx", verbose=False)
        else:
            model.export(path, format="onnx", verbose=False)
            (found,) = onnx_runtime.InferenceSession(str(path)).run(None, {"features": features})
            np.testing.assert_allclose(found, model.predict(features, verbose=0), atol=5e-3)
            path.unlink()
    assert not path.exists()
    assert "not supported" not in caplog.text


def test_onnx_refuses_versions_that_operations_cannot_be_written_in(tmp_path):
    pytest.importorskip("tf2onnx")
    model = classifier([4], loss=losses.BiTempered(3, 0.7, 1.5))
    with pytest.raises(
        ValueError, match=r"`opset_version` must be at least 15 .* Expm1, Log1p.* Received: 13.*Leave it"
    ):
        model.export(tmp_path / "model.onnx", format="onnx", verbose=False, opset_version=13)
    assert not list(tmp_path.iterdir())


def test_operations_in_the_body_of_a_condition_are_looked_at(tmp_path):
    onnx = pytest.importorskip("onnx")
    bodies = {
        branch: onnx.helper.make_graph([onnx.helper.make_node(kind, ["x"], [branch])], branch, [], [])
        for branch, kind in (("then_branch", "Relu"), ("else_branch", "Lacking"))
    }
    condition = onnx.helper.make_node("If", ["sure"], ["y"], **bodies)
    path = str(tmp_path / "model.onnx")
    onnx.save(onnx.helper.make_model(onnx.helper.make_graph([condition], "whole", [], [])), path)
    with pytest.raises(ValueError, match=r"Received: Lacking, which it lacks"):
        _check_file(path, [])


@pytest.mark.filterwarnings("ignore:.*tf.lite.Interpreter is deprecated:UserWarning")
def test_eight_bit_integers_give_nearly_the_probabilities_of_predict(tmp_path):
    model = images()
    model.compile(keras.optimizers.Adam(0.05))
    labels = FEATURES.reshape(64, -1)[:, :3].argmax(axis=1)
    model.fit(FEATURES, labels, epochs=3, verbose=0)
    path = tmp_path / "model.tflite"
    model.export(
        path,
        format="litert",
        verbose=False,
        optimizations=[tf.lite.Optimize.DEFAULT],
        representative_dataset=lambda: ([one[None]] for one in FEATURES),
        target_spec={"supported_ops": [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]},
        inference_input_type=tf.int8,
        inference_output_type=tf.int8,
    )
    found = run_integers(path, FEATURES)
    expected = model.predict(FEATURES, verbose=0)
    np.testing.assert_allclose(found, expected, atol=0.03)
    sure = np.diff(np.sort(expected, axis=1)[:, -2:], axis=1)[:, 0] > 0.06
    assert sure.any()
    np.testing.assert_array_equal(found.argmax(axis=1)[sure], expected.argmax(axis=1)[sure])


def run_integers(path: pathlib.Path, features):
    """Probabilities of a file whose inputs and outputs are of 8 bits."""
    interpreter = tf.lite.Interpreter(str(path))
    (given,), (wanted,) = interpreter.get_input_details(), interpreter.get_output_details()
    assert given["dtype"] == wanted["dtype"] == np.int8
    types = {one["dtype"] for one in interpreter.get_tensor_details() if len(one["shape"])}
    assert types <= {np.int8, np.int32}, types
    step, zero = given["quantization"]
    interpreter.resize_tensor_input(given["index"], features.shape)
    interpreter.allocate_tensors()
    interpreter.set_tensor(given["index"], np.clip(np.round(features / step + zero), -128, 127).astype(np.int8))
    interpreter.invoke()
    step, zero = wanted["quantization"]
    return (interpreter.get_tensor(wanted["index"]).astype(np.float32) - zero) * step
