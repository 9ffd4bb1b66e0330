# %% [markdown]
# # Large data, streamed and resumed
#
# How do data that do not fit into memory train with a loss that remembers each example, and go on after an
# interruption?
#
# Files of records are read batch by batch. The records are scikit-learn's digits, moved about by a pixel, a third of
# their labels made wrong; there may be as many files as you like, because only the shuffle buffer is in memory.

# %% tags=["parameters"]
num_files = 8
rate = 0.3  # fraction of labels that are drawn again, from all classes
epochs = 6
batch_size = 64
size = 1000  # records a file

# %%
import pathlib

import keras
import numpy as np
import tensorflow as tf
from sklearn.datasets import load_digits

from tfp_noise import NoisyLabelClassifier, callbacks, losses, metrics, noise, pipeline

num_classes = 10
images, digits = load_digits(return_X_y=True)
images = images.reshape(-1, 8, 8, 1)
examples, test_images, test_digits = np.arange(1300), images[1300:].astype("float32") / 16, digits[1300:]

# %% [markdown]
# ## Files of records
#
# A record has an image, its given label, and an id that no other record has. The true labels are kept apart, to check
# by.

# %%
rng = np.random.default_rng(0)
folder = pathlib.Path("records")
folder.mkdir(exist_ok=True)
true = np.zeros(num_files * size, "int32")
for number in range(num_files):
    with tf.io.TFRecordWriter(str(folder / f"{number:05}.tfrecord")) as file:
        for i in range(number * size, (number + 1) * size):
            j = rng.choice(examples)
            true[i] = digits[j]
            moved = np.roll(images[j], rng.integers(-1, 2, size=2), axis=(0, 1)) * (255 / 16)
            given = noise.corrupt(true[i : i + 1], noise.symmetric(num_classes, rate), seed=0, ids=[i])[0]
            features = {
                "image": tf.train.Feature(bytes_list=tf.train.BytesList(value=[moved.astype("uint8").tobytes()])),
                "label": tf.train.Feature(int64_list=tf.train.Int64List(value=[given])),
                "id": tf.train.Feature(int64_list=tf.train.Int64List(value=[i])),
            }
            file.write(tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString())
print(f"{len(true)} records in {num_files} files")

# %% [markdown]
# ## From files to batches
#
# `read` gives single examples in the order of the files. `pipeline.stream` shuffles and batches them; the order of an
# epoch is a function of the seed and the epoch. It can also draw noise on the way: the identity matrix draws none,
# because the labels in the files are noisy already.


# %%
def read(files):
    def example(record):
        fields = {"image": tf.io.FixedLenFeature([], tf.string), "label": tf.io.FixedLenFeature([], tf.int64)}
        parsed = tf.io.parse_single_example(record, {**fields, "id": tf.io.FixedLenFeature([], tf.int64)})
        image = tf.reshape(tf.io.decode_raw(parsed["image"], tf.uint8), [8, 8, 1])
        return image, tf.cast(parsed["label"], tf.int32), parsed["id"]

    return tf.data.TFRecordDataset(files).map(example, num_parallel_calls=2)


def batches(first_epoch):
    examples = read(sorted(map(str, folder.glob("*.tfrecord"))))
    same_epochs = {"seed": 0, "first_epoch": first_epoch, "drop_remainder": True}
    return pipeline.stream(examples, np.eye(num_classes), batch_size, with_ids=True, **same_epochs)


# %% [markdown]
# ## A program that can be killed
#
# The same function starts and resumes: what it finds in the folder of the backup decides. `EarlyLearning` remembers a
# prediction for each id, `num_records * (4 * num_classes + 8)` bytes, which are saved with the model.


# %%
def train(workdir, *more_callbacks):
    keras.utils.set_random_seed(0)
    loss = losses.EarlyLearning(num_classes, num_examples=len(true))
    layers = [keras.layers.Flatten(), keras.layers.Dense(128, "relu"), keras.layers.Dense(loss.num_outputs)]
    model = NoisyLabelClassifier(keras.Sequential([keras.Input([8, 8, 1]), *layers]), loss)
    model.compile("adam", metrics=["accuracy"])
    backup = callbacks.BackupAndRestore(workdir)
    print(f"{workdir}: begins with epoch {backup.epoch + 1} of {epochs}")
    settings = {"steps_per_epoch": len(true) // batch_size, "epochs": epochs, "shuffle": False, "verbose": 0}
    model.fit(batches(backup.epoch), callbacks=[backup, *more_callbacks], **settings)
    return model


class PullThePlug(keras.callbacks.Callback):
    def on_epoch_begin(self, epoch, logs=None):
        if epoch == epochs // 2:
            raise KeyboardInterrupt


try:
    train("interrupted", PullThePlug())
except KeyboardInterrupt:
    print("The plug is pulled.")
resumed = train("interrupted")

# %% [markdown]
# ## Is it the same model?

# %%
uninterrupted = train("uninterrupted")
differences = [np.abs(a - b).max() for a, b in zip(resumed.get_weights(), uninterrupted.get_weights(), strict=True)]
print(f"Largest difference of a weight to a run without interruption: {max(differences)}")
print(f"Test images right: {metrics.accuracy(resumed.predict(test_images, verbose=0), test_digits):.1%}")

# %% [markdown]
# ## Which labels the memory contradicts
#
# `memory` is a row per id: a running mean of the predictions. It costs no further pass over the data.

# %%
given = noise.corrupt(true, noise.symmetric(num_classes, rate), seed=0, ids=np.arange(len(true)))
wrong, flagged = given != true, resumed.loss.memory.argmax(axis=1) != given
print(
    f"{flagged.sum()} flagged: {wrong[flagged].mean():.1%} are wrong, {flagged[wrong].mean():.1%} of all wrong labels."
)

# %% [markdown]
# ## What can go wrong
#
# - A shuffle buffer that is smaller than a run of one class gives batches of one class. Mix the records when they are
#   written.
# - An id must mean the same example in every epoch. Number records when they are written, not when they are read.
# - `steps_per_epoch` that is not the number of batches in an epoch of the stream: an epoch then begins in the middle of
#   the data, and a resumed run with other batches than the one that was interrupted. `drop_remainder=True` makes it
#   the number of all records, divided by `batch_size`, without the remainder.
#
# ## Next
#
# [When the plug is pulled](../docs/when_the_plug_is_pulled.md); [Data](../docs/data.md) for streams of
# TensorFlow Datasets.
