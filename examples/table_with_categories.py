# %% [markdown]
# # A table with categories
#
# Which labels of a table of numbers and categories are wrong, and how good a model do they still allow?
#
# The table: 344 penguins of three species, measured on three islands (the package `palmerpenguins`). A fifth of the
# labels are made wrong here, so that what is found can be checked. For a table in a file, begin with `pandas.read_csv`,
# name its columns in `numbers` and `categories` and that of the labels in place of `species`, and set `rate = 0`, which
# leaves the labels as they are; skip the cells that compare with the truth.

# %% tags=["parameters"]
rate = 0.2  # fraction of labels that are replaced by another species
epochs = 60
folds = 5

# %%
import keras
import numpy as np
import pandas as pd

from tfp_noise import NoisyLabelClassifier, cross_predict, losses, metrics, noise, suspects

try:
    from palmerpenguins import load_penguins
except ImportError as error:
    raise ImportError("The table is in the package palmerpenguins: `pip install palmerpenguins`.") from error

keras.utils.set_random_seed(0)
numbers = ["bill_length_mm", "bill_depth_mm", "flipper_length_mm", "body_mass_g"]
categories = ["island", "sex"]
table = load_penguins().dropna(subset=numbers).reset_index(drop=True)
table[categories] = table[categories].fillna("unknown")  # that nobody wrote it down is a category, too
table.head()

# %% [markdown]
# ## Labels
#
# Names become indices, `species.codes`; `species.categories` turns indices into names again.

# %%
species = pd.Categorical(table.species)
num_classes = len(species.categories)
true = species.codes.astype("int32")
labels = noise.corrupt(true, noise.symmetric(num_classes, rate, include_true=False), seed=0)
print(f"{np.mean(labels != true):.1%} of {len(labels)} labels are wrong.")

# %% [markdown]
# ## A network that reads the table
#
# The layers that scale numbers and look categories up are adapted to the table once and belong to the network, so that
# a saved model takes rows as they are in the table. A category that it has not seen counts as "not known".

# %%
features = {name: table[[name]].to_numpy("float32") for name in numbers}
features |= {name: table[[name]].to_numpy(str) for name in categories}


def build_network(num_outputs):
    inputs = {
        name: keras.Input([1], name=name, dtype=str(x.dtype) if name in numbers else "string")
        for name, x in features.items()
    }
    columns = []
    for name in numbers:
        scale = keras.layers.Normalization()
        scale.adapt(features[name])
        columns.append(scale(inputs[name]))
    for name in categories:
        lookup = keras.layers.StringLookup(vocabulary=sorted(set(features[name].ravel())), output_mode="one_hot")
        columns.append(lookup(inputs[name]))
    hidden = keras.layers.Dense(32, "relu")(keras.layers.Concatenate()(columns))
    return keras.Model(inputs, keras.layers.Dense(num_outputs)(hidden))


def build():
    loss = losses.GeneralizedCrossEntropy(num_classes)
    model = NoisyLabelClassifier(build_network(loss.num_outputs), loss)
    model.compile(keras.optimizers.Adam(0.01), metrics=["accuracy"])
    return model


# %% [markdown]
# ## Which labels look wrong
#
# Every penguin is judged by a network that was trained on the others.

# %%
probabilities = cross_predict(build, features, labels, folds=folds, epochs=epochs, verbose=0)
found = suspects.rank(probabilities, labels)
found.to_csv("suspects.csv", class_names=list(species.categories))

listed = table.loc[found.order[:8], ["island", "bill_length_mm", "bill_depth_mm", "body_mass_g"]]
listed["given"] = species.categories[found.labels[listed.index]]
listed["suggested"] = species.categories[found.suggested[listed.index]]
listed

# %% [markdown]
# The truth is known here: how many flags are right, and how many wrong labels were found?

# %%
wrong = labels != true
right_flags = int(np.sum(found.is_suspect & wrong))
print(f"{found.is_suspect.sum()} flagged, of which {right_flags} are wrong; {wrong.sum()} labels are wrong in all.")
print(f"The estimate of their number: {found.estimated_count}")

# %% [markdown]
# ## A model of the labels that are left

# %%
kept = ~found.is_suspect
model = build()
model.fit({name: x[kept] for name, x in features.items()}, labels[kept], epochs=epochs, verbose=0)
predicted = model.predict(features, verbose=0)
print(f"Accuracy on the true species: {metrics.accuracy(predicted, true):.1%}")
print(f"By the networks above, which learned from all labels: {metrics.accuracy(probabilities, true):.1%}")

# %% [markdown]
# ## What can go wrong
#
# - A column that says the label in other words (an identity, a place that has one species only) makes a model that
#   looks good and learns nothing about the others. Leave such columns out.
# - Wrong labels that follow a rule, such as one species always taken for another on one island, are learned as if they
#   were right. `found.joint` shows pairs of classes that are confused; look at them first.
# - Rows with missing numbers are left out above. `sklearn.impute` fills them where there are many.
#
# ## Next
#
# [Find wrong labels](../docs/find_wrong_labels.md) has the same as one command, `python -m tfp_noise.audit --csv=FILE
# --label=COLUMN`.
