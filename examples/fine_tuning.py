# %% [markdown]
# # Fine-tuning in two stages
#
# A trained network, few examples of another task, and some of their labels wrong: freeze it, tune it, or start anew?
#
# The first task is to tell the digits 0 to 4 apart, with right labels; the second is 5 to 9, with few examples, two in
# five of whose labels are drawn again here. A network of `keras.applications` takes the place of `base` where you have
# photos: load it with `include_top=False`.

# %% tags=["parameters"]
rate = 0.4  # fraction of labels of the second task that are drawn again
num_examples = 300  # of the second task
epochs = 30

# %%
import keras
import numpy as np
from sklearn.datasets import load_digits

from tfp_noise import NoisyLabelClassifier, losses, metrics, noise

keras.utils.set_random_seed(0)
pixels, digits = load_digits(return_X_y=True)
images = pixels.reshape(-1, 8, 8, 1).astype("float32") / 16
first, second = digits < 5, digits >= 5
new_images, new_labels = images[second], digits[second] - 5
train_images, test_images = new_images[:num_examples], new_images[num_examples:]
true, test_labels = new_labels[:num_examples], new_labels[num_examples:]
labels = noise.corrupt(true, noise.symmetric(5, rate), seed=0)
print(f"{np.mean(labels != true):.1%} of {num_examples} labels are wrong.")


# %%
def make_base():
    return keras.Sequential(
        [
            keras.Input([8, 8, 1]),
            keras.layers.Conv2D(32, 3, activation="relu"),
            keras.layers.Conv2D(64, 3, activation="relu"),
            keras.layers.Flatten(),
        ],
        name="base",
    )


def classifier(base, loss):
    return NoisyLabelClassifier(keras.Sequential([base, keras.layers.Dense(loss.num_outputs)]), loss)


def report(stage, model):
    print(f"{stage}: {metrics.accuracy(model.predict(test_images, verbose=0), test_labels):.1%} of test images right")


# %% [markdown]
# ## The network that is there already

# %%
base = make_base()
pretrained = classifier(base, losses.CrossEntropy(5))
pretrained.compile("adam")
pretrained.fit(images[first], digits[first], epochs=epochs, verbose=0)
base.save_weights("base.weights.h5")

# %% [markdown]
# ## Stage 1: a new last layer
#
# With a frozen base few weights learn, and few weights can memorise few wrong labels.

# %%
base.trainable = False
model = classifier(base, losses.GeneralizedCrossEntropy(5))
model.compile(keras.optimizers.Adam(0.003), metrics=["accuracy"])
model.fit(train_images, labels, epochs=epochs, verbose=0)
report("Stage 1, frozen base", model)

# %% [markdown]
# ## Stage 2: the whole network, by small steps
#
# What is trainable changes when the model is compiled again. The learning rate is a tenth, because a large one destroys
# what the base has learned before the last layer can tell it what to keep.

# %%
base.trainable = True
model.compile(keras.optimizers.Adam(0.0003), metrics=["accuracy"])
model.fit(train_images, labels, epochs=epochs, verbose=0)
report("Stage 2, all weights", model)

# %% [markdown]
# ## For comparison

# %%
for name, loss in {"cross-entropy": losses.CrossEntropy(5), "robust": losses.GeneralizedCrossEntropy(5)}.items():
    for start in ("new", "trained"):
        base = make_base()
        if start == "trained":
            base.load_weights("base.weights.h5")
        model = classifier(base, loss)
        model.compile(keras.optimizers.Adam(0.003), metrics=["accuracy"])
        model.fit(train_images, labels, epochs=epochs, verbose=0)
        report(f"One stage, all weights, {start} base, {name}", model)

# %% [markdown]
# ## What can go wrong
#
# - `trainable` that changes without a new `compile` changes nothing, as everywhere in Keras.
# - Batch normalisation in the base: call it with `training=False` in stage 2, or its statistics, from few examples,
#   undo what was learned.
# - The longer stage 2 takes, the more wrong labels it memorises. Choose its length by held-out given labels, which are
#   as noisy as the others: [choose a loss](../docs/choose_a_loss.md#on-your-own-data).
#
# ## Next
#
# [Images in folders](images_in_folders.md) has a network of `keras.applications`.
