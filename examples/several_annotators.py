# %% [markdown]
# # Several annotators
#
# Several people labelled each example, and they disagree: majority, or all votes, and who errs?
#
# The examples are scikit-learn's digits. The annotators are made up: each has an error rate, and one of them takes
# every other 7 for a 1. Each example has the votes of three of the five. With votes of your own, replace the cell that
# draws them by a table with the columns `item`, `annotator` and `label`.

# %% tags=["parameters"]
epochs = 30
error_rates = {"Ada": 0.05, "Ben": 0.2, "Cleo": 0.35, "Dan": 0.6, "Eve": 0.05}
votes_an_item = 3

# %%
import keras
import numpy as np
import pandas as pd
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from tfp_noise import NoisyLabelClassifier, cross_predict, datasets, losses, metrics, noise, suspects

keras.utils.set_random_seed(0)
pixels, digits = load_digits(return_X_y=True)
images, test_images, true, test_labels = train_test_split(
    pixels.astype("float32") / 16, digits, test_size=500, random_state=0, stratify=digits
)

# %% [markdown]
# ## A table of who said what

# %%
rng = np.random.default_rng(0)
columns = []
for seed, (annotator, rate) in enumerate(error_rates.items()):
    transition = noise.symmetric(10, rate, include_true=False)
    if annotator == "Eve":
        transition = noise.from_pairs(10, {7: 1}, rate=0.5)
    columns.append(noise.corrupt(true, transition, seed=seed))
asked = np.array([rng.permutation(len(error_rates))[:votes_an_item] for _ in true])  # who is asked about each item
votes = pd.DataFrame(
    {
        "item": np.repeat(np.arange(len(true)), votes_an_item),
        "annotator": np.array(list(error_rates))[asked.ravel()],
        "label": np.array(columns)[asked, np.arange(len(true))[:, None]].ravel(),
    }
)
votes.head(6)

# %% [markdown]
# ## Votes as a data set
#
# `observed` is the label of the majority, `soft_labels` the fractions of the votes, `agreement` the largest of them.

# %%
data = datasets.from_votes(images, votes, true_labels=true, validation_share=0)
train = data.train
print(f"The majority is wrong for {np.mean(train.observed != true):.1%} of the examples.")
for share in np.unique(train.agreement):
    at = train.agreement == share
    print(
        f"Where {share:.0%} agree ({at.sum()} examples), it is wrong for {np.mean(train.observed[at] != true[at]):.1%}."
    )

# %% [markdown]
# ## Three ways to train


# %%
def build(loss):
    network = keras.Sequential(
        [keras.Input(data.input_shape), keras.layers.Dense(128, "relu"), keras.layers.Dense(loss.num_outputs)]
    )
    model = NoisyLabelClassifier(network, loss)
    model.compile(keras.optimizers.Adam(0.002), metrics=["accuracy"])
    return model


ways = {
    "majority": (losses.CrossEntropy(10), train.observed),
    "all votes, as soft labels": (losses.CrossEntropy(10), train.soft_labels),
    "majority, robust loss": (losses.GeneralizedCrossEntropy(10), train.observed),
}
for way, (loss, labels) in ways.items():
    model = build(loss)
    model.fit(train.inputs, labels, epochs=epochs, verbose=0)
    print(f"{way}: {metrics.accuracy(model.predict(test_images, verbose=0), test_labels):.1%} of test images right")

# %% [markdown]
# ## Who errs
#
# A model that was trained on other examples is one more opinion, which no annotator has influenced on this example. How
# often does each annotator differ from it?

# %%
held_out = cross_predict(
    lambda: build(losses.GeneralizedCrossEntropy(10)), train.inputs, train.observed, folds=3, epochs=epochs, verbose=0
)
opinion = held_out.argmax(axis=1)
votes["differs"] = votes.label.to_numpy() != opinion[votes.item]
votes["wrong"] = votes.label.to_numpy() != true[votes.item]  # which is known here only
table = votes.groupby("annotator")[["differs", "wrong"]].mean()
table["drawn with"] = pd.Series(error_rates)
table.round(3)

# %%
eve = votes[(votes.annotator == "Eve") & votes.differs]
pairs = pd.DataFrame({"said": eve.label.to_numpy(), "model says": opinion[eve.item]})
pairs.value_counts().head(3)

# %% [markdown]
# ## Whom to ask again
#
# Suspects are examples where the majority does not fit the model.

# %%
found = suspects.rank(held_out, train.observed)
wrong = train.mislabelled
flagged = found.is_suspect
print(
    f"{flagged.sum()} flagged: {wrong[flagged].mean():.1%} are wrong, {flagged[wrong].mean():.1%} of all wrong labels."
)

# %% [markdown]
# ## What can go wrong
#
# - Annotators who make the same mistake outvote the truth, and the model learns it. The pairs above show it where one
#   of them does; where all do, only an expert's labels can.
# - An annotator of few votes has a rate with a wide error: about `sqrt(p (1 - p) / n)`.
# - Fractions of few votes are coarse: with three, a soft label is 1, 2/3 or 1/3. A model that weighs annotators by
#   their own confusion matrices (Dawid and Skene, 1979) is not part of this package; its posterior probabilities would
#   go in where the soft labels are.
#
# ## Next
#
# [Noisy labels in Keras models](../docs/keras.md) says what else losses take as labels.
