# %% [markdown]
# # Text as token ids
#
# Does a robust loss help a classifier of texts whose labels are partly wrong, and which texts are mislabelled?
#
# The texts: what SciPy's documentation says of its functions. The label of a text is the part of SciPy that the
# function belongs to. SciPy is installed with this package, so that nothing is downloaded. A third of the training
# labels are made wrong here; for texts of your own, replace the first cell of data and leave the noise out.

# %% tags=["parameters"]
rate = 0.35  # fraction of training labels that are drawn again, from all classes
epochs = 30
words = 40  # that are read of each text
topics = ["interpolate", "linalg", "ndimage", "optimize", "signal", "special", "stats"]

# %%
import importlib
import inspect

import keras
import numpy as np
from sklearn.model_selection import train_test_split

from tfp_noise import NoisyLabelClassifier, cross_predict, losses, metrics, noise, suspects

keras.utils.set_random_seed(0)

# %% [markdown]
# ## Texts and labels

# %%
texts, topic_of = [], []
for number, topic in enumerate(topics):
    module = importlib.import_module(f"scipy.{topic}")
    for name in module.__all__:
        description = (inspect.getdoc(getattr(module, name)) or "").partition("Parameters\n")[0]
        for paragraph in description.split("\n\n"):
            if len(paragraph.split()) >= 6 and ">>>" not in paragraph:
                texts.append(" ".join(paragraph.split()))
                topic_of.append(number)
texts, first = np.unique(texts, return_index=True)  # some functions share a description
true = np.array(topic_of)[first]
texts, test_texts, true, test_labels = train_test_split(texts, true, test_size=0.25, random_state=0, stratify=true)
labels = noise.corrupt(true, noise.symmetric(len(topics), rate), seed=0)
print(f"{len(texts)} texts, {np.mean(labels != true):.1%} of their labels wrong; {len(test_texts)} to test by.")

# %% [markdown]
# ## Words become integers
#
# `TextVectorization` learns its vocabulary from the training texts. 0 stands for "no word"; `mask_zero` leaves it out
# of the mean below.

# %%
vectorize = keras.layers.TextVectorization(max_tokens=3000, output_sequence_length=words)
vectorize.adapt(texts)
tokens, test_tokens = (vectorize(one).numpy() for one in (texts, test_texts))
print(texts[0], "->", tokens[0, :8])

# %% [markdown]
# ## Two losses, the same network
#
# A pretrained network goes in the same place: one from KerasHub, where its weights are at hand, takes the token ids of
# its own tokenizer.


# %%
def build(loss):
    network = keras.Sequential(
        [
            keras.Input([words], dtype="int32"),
            keras.layers.Embedding(vectorize.vocabulary_size(), 64, mask_zero=True),
            keras.layers.GlobalAveragePooling1D(),
            keras.layers.Dense(loss.num_outputs),
        ]
    )
    model = NoisyLabelClassifier(network, loss)
    model.compile(keras.optimizers.Adam(0.01), metrics=["accuracy"])
    return model


for loss in (losses.CrossEntropy(len(topics)), losses.GeneralizedCrossEntropy(len(topics))):
    model = build(loss)
    model.fit(tokens, labels, epochs=epochs, verbose=0)
    given = metrics.accuracy(model.predict(tokens, verbose=0), labels)
    clean = metrics.accuracy(model.predict(test_tokens, verbose=0), test_labels)
    print(f"{loss.name}: {clean:.1%} of test texts right; {given:.1%} of the given labels repeated")

# %% [markdown]
# The loss that repeats more of the given labels has memorised more of the wrong ones.
#
# ## Which texts are mislabelled
#
# Every text is judged by a model that was trained on the other two thirds, and so has not memorised its label.

# %%
held_out = cross_predict(
    lambda: build(losses.GeneralizedCrossEntropy(len(topics))), tokens, labels, folds=3, epochs=epochs, verbose=0
)
found = suspects.rank(held_out, labels)
for i in found.order[:5]:
    print(f"{topics[labels[i]]} -> {topics[found.suggested[i]]}? (in truth {topics[true[i]]}) {texts[i][:70]}")
wrong = labels != true
flagged = found.is_suspect
print(
    f"{flagged.sum()} flagged: {wrong[flagged].mean():.1%} are wrong, {flagged[wrong].mean():.1%} of all wrong labels."
)

# %% [markdown]
# ## From text to probabilities in one model
#
# `deployable` gives a plain Keras model. With the vocabulary in front it takes strings, and loads without this package.

# %%
served = keras.Sequential([keras.Input([], dtype="string"), vectorize, model.deployable()])
served.save("topics.keras")
question = keras.ops.convert_to_tensor(["Find the root of a function by bisection."])
probabilities = keras.ops.convert_to_numpy(served(question))[0]
print({topics[i]: round(float(probabilities[i]), 2) for i in probabilities.argsort()[:-4:-1]})

# %% [markdown]
# ## What can go wrong
#
# - The vocabulary of the test texts must not be learned: adapt to training texts only.
# - The same text twice with two labels is found by no model; count such texts before anything else.
# - A text that fits two topics is flagged, too. It is no error of the annotator; consider [several labels an
#   example](../docs/several_labels.md).
#
# ## Next
#
# [A label at each position](../docs/positions.md) is for tags of words.
