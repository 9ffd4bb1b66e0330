# %% [markdown]
# # Distillation from noisy labels
#
# Is a small network better off with the predictions of a large one than with the noisy labels themselves?
#
# Four in ten labels of scikit-learn's digits are drawn again here from all classes. The teacher is trained on them with
# a robust loss; the student sees the teacher only, and no label.

# %% tags=["parameters"]
rate = 0.4  # fraction of labels that are drawn again, from all classes
epochs = 40
temperature = 2.0

# %%
import keras

from tfp_noise import DistilledClassifier, NoisyLabelClassifier, datasets, losses, metrics, noise

keras.utils.set_random_seed(0)
clean = datasets.load("digits")
data = noise.corrupt_dataset(clean, noise.symmetric(clean.num_classes, rate), seed=0)
images, labels = data.train.inputs, data.train.observed
print(f"{data.effective_rate:.1%} of {len(labels)} training labels are wrong.")


# %%
def network(units, num_outputs):
    layers = [keras.layers.Flatten(), keras.layers.Dense(units, "relu"), keras.layers.Dense(num_outputs)]
    return keras.Sequential([keras.Input(data.input_shape), *layers])


def train(model):
    model.compile(keras.optimizers.Adam(0.003), metrics=["accuracy"])
    model.fit(images, labels, epochs=epochs, verbose=0)
    return model


def accuracy(model):
    """Accuracy on clean test labels, and on the noisy labels that the model was trained on, as text."""
    right = metrics.accuracy(model.predict(data.test.inputs, verbose=0), data.test.labels)
    repeated = metrics.accuracy(model.predict(images, verbose=0), labels)
    return f"{right:.1%} of test images right, {repeated:.1%} of given labels repeated"


# %% [markdown]
# ## The teacher
#
# Any trained classifier will do, whatever its loss; so will a plain Keras model that returns logits.

# %%
robust = losses.GeneralizedCrossEntropy(data.num_classes)
teacher = train(NoisyLabelClassifier(network(512, robust.num_outputs), robust))
print(f"Teacher of {teacher.count_params():,} weights: {accuracy(teacher)}")

# %% [markdown]
# ## Students
#
# The same small network, once by the labels, once by the teacher's probabilities, softened by a temperature.
# `label_weight` would mix the labels in.

# %%
alone = train(NoisyLabelClassifier(network(32, data.num_classes), losses.CrossEntropy(data.num_classes)))
print(f"Student by labels, {alone.count_params():,} weights: {accuracy(alone)}")

# %%
student = DistilledClassifier(
    network(32, data.num_classes), losses.CrossEntropy(data.num_classes), teacher, temperature=temperature
)
train(student)
print(f"Student by the teacher: {accuracy(student)}")

# %% [markdown]
# A model that repeats more of the given labels than are right has memorised wrong ones. A network as small as the
# student memorises few by itself, so that a teacher may gain it little: compare the lines above.
#
# ## Without the teacher
#
# What is deployed is the student alone, a plain Keras model.

# %%
student.deployable().save("student.keras")
loaded = keras.models.load_model("student.keras")
probabilities = loaded.predict(images[:1], verbose=0)
print(f"{loaded.count_params():,} weights; probabilities of an image sum to {probabilities.sum():.3f}")

# %% [markdown]
# ## What can go wrong
#
# - A teacher that has memorised wrong labels hands them on. Look at the second number of the teacher above: it should
#   be near the fraction of labels that are right, not near 100 %.
# - The student gets the teacher's inputs: with augmentation, both see the same augmented image.
# - A temperature other than 1 needs a loss that reads logits.
#
# ## Next
#
# [Label noise](../docs/noise_and_transitions.md#when-the-noise-is-not-known) trains by forward correction where the
# noise is not known: such a model may teach. `DistortionDistillation` and `DepthDistillation` do without a teacher.
