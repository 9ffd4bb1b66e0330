"""History of learned rows: recorded epochs, TensorBoard summaries, refused losses."""

import io
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import special
from tensorflow.core.util.event_pb2 import Event

from tests.helpers.top_rows import spread, top_of
from tfp_noise import NoisyLabelClassifier, callbacks, losses, visualization
from tfp_noise._training import learned_rows_on_board
from tfp_noise._training.fit_callbacks import with_own_callbacks
from tfp_noise._training.learned_rows_on_board import LearnedRowsOnBoard


class Moving(losses.LabelSmoothing):
    """Substitute for a loss that learns its targets, with other rows whenever they are read."""

    def __init__(self, num_classes, kept=None):
        super().__init__(num_classes)
        self.looks, self.kept = 0, kept

    @property
    def class_rows(self):
        self.looks += 1
        rows = special.softmax(self.looks * np.random.default_rng(0).normal(size=[self.num_classes] * 2), axis=1)
        return rows if self.kept is None else top_of(rows, self.kept)


def trained(loss, epochs, *seen, **kwargs):
    network = keras.Sequential([keras.Input([2]), keras.layers.Dense(loss.num_outputs)])
    model = NoisyLabelClassifier(network, loss)
    model.compile("sgd", run_eagerly=True)  # a trace costs more than these few steps
    model.fit(np.zeros([4, 2]), np.zeros([4], int), epochs=epochs, callbacks=list(seen), verbose=0, **kwargs)
    return model


def events(folder):
    """Step, tag and value of every summary in a TensorBoard folder."""
    (file,) = folder.iterdir()
    found = {}
    for record in tf.data.TFRecordDataset(str(file)).as_numpy_iterator():
        event = Event.FromString(record)
        for value in event.summary.value:
            found[event.step, value.tag] = (tf.make_ndarray(value.tensor), value.metadata.plugin_data.plugin_name)
    return found


@pytest.mark.parametrize(("every", "epochs"), [(1, [1, 2, 3, 4, 5]), (2, [2, 4]), (7, [])])
def test_rows_are_kept_every_so_many_epochs(every, epochs):
    history = callbacks.ClassRowsHistory(every=every)
    loss = Moving(3)
    trained(loss, 5, history)
    assert history.epochs == epochs
    fresh = Moving(3)
    for rows in history.rows:
        np.testing.assert_array_equal(rows, fresh.class_rows)


def test_resumed_training_counts_on():
    history = callbacks.ClassRowsHistory()
    trained(Moving(3), 5, history, initial_epoch=3)
    assert history.epochs == [4, 5]


def test_one_history_may_see_trainings_of_several_sizes():
    history = callbacks.ClassRowsHistory()
    for size in (3, 4):
        trained(Moving(size), 1, history)
    assert [rows.shape for rows in history.rows] == [(3, 3), (4, 4)]


@pytest.mark.parametrize("kept", [None, 2])
@pytest.mark.daily("None")
def test_tensorboard_gets_means_and_the_map(kept, tmp_path):
    names = ("cat", "dog", "fox", "truck")
    history = callbacks.ClassRowsHistory(every=2, log_dir=tmp_path, class_names=names)
    trained(Moving(4, kept), 4, history)
    found = events(tmp_path)
    assert {step for step, tag in found if tag.startswith("class_rows")} == {2, 4}
    for step, rows in zip(history.epochs, history.rows, strict=True):
        square = rows if kept is None else spread(Moving(4).class_rows if step == 2 else second_look(), kept)
        diagonal, plugin = found[step, "class_rows/mean_diagonal"]
        assert plugin == "scalars"
        assert diagonal == pytest.approx(np.mean([square[i][i] for i in range(4)]), rel=1e-5)
        entropy = np.mean([-sum(p * np.log(p) for p in row) for row in square])
        assert found[step, "class_rows/mean_entropy"][0] == pytest.approx(entropy, rel=1e-5)
        (width, height, png), plugin = found[step, "class_rows"]
        assert plugin == "images"
        drawn = tf.io.decode_png(png, channels=3)
        assert drawn.shape == (int(height), int(width), 3)
        expected = io.BytesIO()
        visualization.class_similarities({f"epoch {step}": square}, names).savefig(expected, format="png")
        np.testing.assert_array_equal(drawn, tf.io.decode_png(expected.getvalue(), channels=3))


@pytest.mark.parametrize("has_matplotlib", [True, False])
def test_the_board_of_keras_gets_what_the_loss_has_learned(has_matplotlib, tmp_path, monkeypatch):
    if not has_matplotlib:
        monkeypatch.setitem(sys.modules, "matplotlib", None)
    model = trained(Moving(4), 1)
    board = keras.callbacks.TensorBoard(tmp_path)
    (own,) = [one for one in with_own_callbacks([board], model, None) if isinstance(one, LearnedRowsOnBoard)]
    own.set_model(model)
    own.on_train_begin()
    own.on_epoch_end(0)
    own.on_train_end()
    found = events(tmp_path / "train")
    diagonal, plugin = found[0, "class_rows/mean_diagonal"]
    assert plugin == "scalars"
    assert diagonal == pytest.approx(np.mean(np.diag(Moving(4).class_rows)), rel=1e-5)
    assert ((0, "class_rows") in found) == has_matplotlib


def test_only_the_chief_writes_what_the_loss_has_learned(tmp_path, monkeypatch):
    monkeypatch.setattr(learned_rows_on_board.distribute, "is_chief", lambda strategy: False)
    own = LearnedRowsOnBoard(keras.callbacks.TensorBoard(tmp_path))
    own.set_model(trained(Moving(4), 1))
    own.on_train_begin()
    own.on_epoch_end(0)
    own.on_train_end()
    assert not list(tmp_path.iterdir())


def test_the_folder_may_be_on_another_file_system(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    own = LearnedRowsOnBoard(keras.callbacks.TensorBoard("ram://learned_rows"))
    own.set_model(trained(Moving(4), 1))
    own.on_train_begin()
    own.on_epoch_end(0)
    own.on_train_end()
    assert len(tf.io.gfile.listdir("ram://learned_rows/train")) == 1
    assert not list(tmp_path.iterdir())


def test_losses_without_learned_rows_and_trainings_without_a_board_get_no_callback(tmp_path):
    board, model = keras.callbacks.TensorBoard(tmp_path), trained(losses.LabelSmoothing(3), 1)
    kinds = [type(one) for one in with_own_callbacks([board], model, None)]
    assert LearnedRowsOnBoard not in kinds
    kinds = [type(one) for one in with_own_callbacks([], trained(Moving(3), 1), None)]
    assert LearnedRowsOnBoard not in kinds


def second_look():
    loss = Moving(4)
    return [loss.class_rows, loss.class_rows][1]


def test_of_too_many_classes_tensorboard_gets_no_map(tmp_path):
    trained(Moving(1001, kept=3), 1, callbacks.ClassRowsHistory(log_dir=tmp_path))
    assert {tag for _, tag in events(tmp_path)} >= {"class_rows/mean_diagonal", "class_rows/mean_entropy"}
    assert (1, "class_rows") not in events(tmp_path)


def test_whom_the_history_refuses():
    with pytest.raises(TypeError, match=r"Received: LabelSmoothing, without `class_rows`\. Leave this callback out"):
        trained(losses.LabelSmoothing(3), 1, callbacks.ClassRowsHistory())
    plain = keras.Sequential([keras.Input([2]), keras.layers.Dense(3)])
    plain.compile("sgd", loss="mse")
    with pytest.raises(TypeError, match=r"`model.loss` must learn its targets.* Received: str, without"):
        plain.fit(np.zeros([4, 2]), np.zeros([4, 3]), callbacks=[callbacks.ClassRowsHistory()], verbose=0)
    with pytest.raises(ValueError, match=r"`class_names` must name 3 classes\. Received: 2 names"):
        trained(Moving(3), 1, callbacks.ClassRowsHistory(class_names=["a", "b"]))
    with pytest.raises(TypeError, match=r"`class_names` must be a sequence of strings.* Received: 'abc'"):
        callbacks.ClassRowsHistory(class_names="abc")
    with pytest.raises(ValueError, match=r"`every` must be at least 1\. Received: 0"):
        callbacks.ClassRowsHistory(every=0)
    with pytest.raises(TypeError, match="`every` must be an integer"):
        callbacks.ClassRowsHistory(every=0.5)
