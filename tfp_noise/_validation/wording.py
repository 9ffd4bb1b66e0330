"""Sentences of the errors about labels, shared by the checks of arrays, of datasets, and of batches inside a graph."""

NO_LABEL = "Leave out the examples without a label."
NO_LABEL_BESIDE_PREDICTIONS = "Leave out examples without a label: `probabilities[labels >= 0], labels[labels >= 0]`."
NO_LABEL_FOR_LOSS = "Leave out the examples without a label, or give the loss `ignore_class=-1`."
NO_LABEL_255_BESIDE_PREDICTIONS = (
    "If 255 stands for no label, leave those out: `probabilities[labels != 255], labels[labels != 255]`."
)
NO_LABEL_255 = "If 255 stands for no label, as -1 does in uint8, give the loss `ignore_class=255`."
NOT_REGRESSION = "If these are targets of a regression: this library is about noise on class labels only."
FROM_1 = "Do the labels start at 1, or is `num_classes` too small?"
SEVERAL_LABELS = "For several labels an example, wrap a loss of two classes: `losses.MultiLabel(loss, num_labels)`."
NORMALISE = f"Divide each row by its sum, or pass class indices. {SEVERAL_LABELS}"
EACH_LABEL = (
    "Are these probabilities of several labels an example? Take each label by itself, as two classes: "
    "`np.stack([1 - p[..., label], p[..., label]], axis=-1)`, beside `labels[..., label]`."
)
SIGNS = "If -1 stands for absent and 1 for present, pass `(labels + 1) / 2`."
UNKNOWN_LABEL = "For labels that nobody knows, pass -1 and give MultiLabel `ignore_class=-1`."
UNKNOWN_LABEL_255 = "If 255 stands for a label that nobody knows, give MultiLabel `ignore_class=255`."
ONE_CLASS = (
    "For class indices, one of several classes an example, take a loss with that `num_classes`, without MultiLabel; or "
    "make rows of them: `keras.utils.to_categorical(labels, num_labels)`."
)
ONE_OF_TWO = "With one label, pass 0 or 1 for each example. For rows of two classes, take the loss without MultiLabel."
LISTS_OF_NAMES = "Make them of lists of names by `sklearn.preprocessing.MultiLabelBinarizer().fit_transform(lists)`."
NAME_OF_PRESENT = "Make them of two names by `(labels == name_of_present).astype(int)`."


TEXT_AS_IT_IS = (
    "A network that looks words up, or reads the files that paths name, takes them as they are: `examples.features`."
)


def counted(number, noun):
    """Number and noun, which is in the plural unless the number is 1."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def with_article(noun):
    """The noun after "a" or "an", as in "an OnlineLabelSmoothing"."""
    return f"{'an' if noun[0] in 'AEIOUaeiou' else 'a'} {noun}"


def label_range(name, num_classes):
    return f"`{name}` must lie in [0, {num_classes})."


def no_class(ignored):
    """The cure for distributions that have rows of zeros, beside a loss with this `ignore_class`, or `None`."""
    index = -1 if ignored is None else ignored
    return (
        f"A row of zeros has no class: pass class indices, `np.where(y.any(axis=-1), y.argmax(axis=-1), {index})`, and "
        f"give the loss `ignore_class={index}`."
    )


def multi_label_range(name):
    return f"`{name}` must lie in [0, 1]: 0 for an absent label, 1 for one that is present."


def label_shapes(name, num_classes, rank=2):
    """The forms of labels for outputs with so many axes."""
    axes = "n, ..." if rank > 2 else "n"
    fits = f", for outputs of {rank} axes" if rank > 2 else ""
    return f"`{name}` must be class indices [{axes}] or [{axes}, 1], or distributions [{axes}, {num_classes}]{fits}."


def distributions(name):
    return f"`{name}` must be at least 0, with rows that sum to 1."
