"""Metrics beside class indices: numbers that are right in batches of any size, or a refusal whose cure works."""

import keras
import numpy as np
import pytest

from tests.classifier.test_every_metric import (
    FEATURES,
    OF_CLASSES,
    OF_EXAMPLES,
    L,
    auc,
    given,
    made,
    metrics_of,
    trained,
)


@pytest.mark.parametrize("size", [1, 2, L])
def test_metrics_that_compare_entries_refuse_class_indices_of_every_number_of_examples(size):
    """In batches of 1 and of L, class indices broadcast against probabilities, to wrong numbers."""
    for name in set(OF_EXAMPLES) - set(OF_CLASSES) - {"MeanMetricWrapper"}:
        model, outputs, _ = trained("classes")
        model.compile("sgd", metrics=[made(name)])
        with pytest.raises(ValueError, match=f"`metrics` must read class indices as labels.*'{name}'.*labels"):
            model.compute_metrics(None, keras.ops.convert_to_tensor(given("classes")[:size]), outputs[:size])


@pytest.mark.parametrize("batch_size", [1, L, 5])
def test_the_cure_for_class_indices_gives_numbers_of_one_class_in_batches_of_any_size(batch_size):
    model, _, p = trained("classes")
    x, y = FEATURES[:, 0], given("classes")

    def of_one_class():
        return [keras.metrics.Recall(0.4, class_id=1), keras.metrics.Precision(0.4, class_id=1)]

    model.compile(keras.optimizers.SGD(0.0), metrics=of_one_class())
    with pytest.raises(ValueError, match="must read class indices as labels, which Recall does not") as refused:
        model.fit(x, y, batch_size=batch_size, verbose=0)
    cure = "keras.utils.to_categorical(y, 3)"
    assert f"`{cure}`" in str(refused.value)
    several = keras.metrics.AUC(multi_label=True, num_labels=L)
    model.compile(keras.optimizers.SGD(0.0), metrics=[*of_one_class(), several])
    found = model.evaluate(x, eval(cure, {"keras": keras, "y": y}), batch_size=batch_size, verbose=0)
    is_one, predicted = y == 1, p[:, 1] > 0.4
    hits = np.sum(is_one & predicted)
    expected = [hits / np.sum(is_one), hits / np.sum(predicted), np.mean([auc(y == c, p[:, c]) for c in range(L)])]
    np.testing.assert_allclose(found[1:3], expected[:2], rtol=1e-6)
    assert found[3] == pytest.approx(expected[2], abs=0.02)


class OneHotRecall(keras.metrics.Recall):
    """A metric of a user, which makes one-hot labels itself."""

    def update_state(self, y_true, y_pred, sample_weight=None):
        return super().update_state(keras.ops.one_hot(y_true, L), y_pred, sample_weight)


def test_a_subclass_that_reads_class_indices_is_taken():
    found = metrics_of("classes", metrics=[OneHotRecall(0.4, class_id=1, name="recall")])["recall"]
    is_one = given("classes") == 1
    assert float(found) == pytest.approx(np.mean(trained("classes")[2][is_one, 1] > 0.4))
