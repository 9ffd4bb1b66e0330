# %% [markdown]
# # Images in folders, with a network of keras.applications
#
# Which images are in the wrong folder?
#
# Your images lie in a folder for each class: `folder = "photos"` for `photos/cat/1.jpg`. Without a folder,
# scikit-learn's digits are written into folders here, a tenth of them into a wrong one, so that what is found can be
# checked.
#
# A network of `keras.applications` makes features of each image once; a small network learns from these. With `weights
# = "imagenet"` Keras downloads weights that were trained on photos, which makes all the difference for photos. Without
# internet that is an error which names a file: bring it to `~/.keras/models` from another machine. `weights = None`
# needs no file: the weights are random, and the features good enough for digits, but hardly for anything else.

# %% tags=["parameters"]
folder = None  # yours; None asks for the digits
weights = None  # "imagenet", a file of weights, or None for random ones
image_size = 32
num_digits = 1500
epochs = 20
folds = 3

# %%
import pathlib

import keras
import numpy as np
from sklearn.datasets import load_digits

from tfp_noise import NoisyLabelClassifier, cross_predict, datasets, losses, noise, suspects

keras.utils.set_random_seed(0)
# %% [markdown]
# ## Folders

# %%
true = None
if folder is None:
    folder = pathlib.Path("digits")
    images, true = load_digits(return_X_y=True)
    images, true = images[:num_digits].reshape(-1, 8, 8, 1) * (255 / 16), true[:num_digits]
    given = noise.corrupt(true, noise.symmetric(10, rate=0.1, include_true=False), seed=0)
    for number, (image, label) in enumerate(zip(images, given, strict=True)):
        (folder / str(label)).mkdir(parents=True, exist_ok=True)
        keras.utils.save_img(folder / str(label) / f"{number}.png", np.repeat(image, 3, axis=-1), scale=False)

data = datasets.from_directory(folder, image_size=image_size, validation_share=0)
print(f"{len(data.train)} images in {data.num_classes} folders; the first is {data.train.ids[0]}")

# %% [markdown]
# ## Features, once
#
# `inputs` are floats in [0, 1]; each network of `keras.applications` has a scale of its own, which belongs in front of
# it.

# %%
shape = data.input_shape
backbone = keras.applications.MobileNetV2(input_shape=shape, include_top=False, weights=weights, pooling="avg")
backbone.trainable = False
images = keras.Input(shape)
pixels = keras.applications.mobilenet_v2.preprocess_input(keras.layers.Rescaling(255.0)(images))
extractor = keras.Model(images, backbone(pixels, training=False))
features = extractor.predict(data.train.inputs, batch_size=64, verbose=0)
scale = 1 / features.std()  # those of random weights are tiny
mean, variance = (scale * features).mean(axis=0), (scale * features).var(axis=0)

# %% [markdown]
# ## Which images look wrong
#
# Each image is judged by a network that was trained on the others. That costs seconds, because only the last layers are
# trained.

# %%


def build():
    loss = losses.GeneralizedCrossEntropy(data.num_classes)
    layers = [
        keras.Input(features.shape[1:]),
        keras.layers.Rescaling(float(scale)),
        keras.layers.Normalization(mean=mean, variance=variance),
        keras.layers.Dense(loss.num_outputs),
    ]
    model = NoisyLabelClassifier(keras.Sequential(layers), loss)
    model.compile(keras.optimizers.Adam(0.003), metrics=["accuracy"])
    return model


labels = data.train.observed
probabilities = cross_predict(build, features, labels, folds=folds, epochs=epochs, verbose=0)
found = suspects.rank(probabilities, labels)
found.to_csv("suspects.csv", ids=data.train.ids, class_names=data.class_names)
print(f"{found.is_suspect.sum()} of {len(labels)} images are suspects; estimated number: {found.estimated_count}")

# %%
# %matplotlib inline
figure = found.figure(data.train.inputs, data.class_names, count=15)
figure.savefig("suspects.png")
figure

# %% [markdown]
# Of the digits the truth is known: the name of a file is the number of its image.

# %%
if true is not None:
    wrong = labels != true[[int(pathlib.Path(file).stem) for file in data.train.ids]]
    flagged = found.is_suspect
    print(
        f"{wrong[flagged].mean():.1%} of them are wrong; {flagged[wrong].mean():.1%} of all {wrong.sum()} wrong ones."
    )

# %% [markdown]
# ## A model of images
#
# Trained without the suspects; what is saved takes images in [0, 1] and holds both networks.

# %%
head = build()
head.fit(features[~found.is_suspect], labels[~found.is_suspect], epochs=epochs, verbose=0)
model = keras.Sequential([keras.Input(shape), extractor, head.deployable()])
model.save("images.keras")
print(model.predict(data.train.inputs[:1], verbose=0).round(2))

# %% [markdown]
# ## What can go wrong
#
# - Random weights on photos: nearly everything is a suspect. The estimated number then says more about the network than
#   about the folders.
# - Pixels on another scale than the network was trained on, the most frequent fault; `preprocess_input` is there for
#   that.
# - The same photo in two folders, or twice in one: its copy is in the data that the judge was trained on. Remove copies
#   first.
#
# ## Next
#
# [Find wrong labels](../docs/find_wrong_labels.md): the same as one command, with `--backbone` and `--weights`.
# [Fine-tuning in two stages](fine_tuning.md) trains the large network, too.
