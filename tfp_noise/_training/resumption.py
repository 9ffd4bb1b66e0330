"""Comparison of a training with the one that it resumes."""

from absl import logging

from tfp_noise import distribute
from tfp_noise._training.training_facts import environment, leaves

# Values that a resumed training takes from its backup, whatever arguments it is given.
KEPT_BY_THE_OPTIMIZER = ("optimizer.learning_rate",)


def description(model):
    """Classes and shapes that must be equal for a backup to be loaded."""
    optimizer = model.optimizer
    return {
        "loss": type(model.loss).__name__,
        "weights": [list(variable.shape) for variable in model.weights],
        "optimizer": [type(optimizer).__name__, *[list(variable.shape) for variable in optimizer.variables]],
    }


def check_model(model, path, there):
    """Refuses the backup at `path` if its model's description, `there`, is not that of `model`."""
    ours = description(model)
    changes = [f"{key}: {there[key]} there, {ours[key]} now" for key in ours if there[key] != ours[key]]
    if changes:
        raise ValueError(
            f"`backup_dir` must hold a backup of this model. {path} is of another one ({'; '.join(changes)}). "
            "Pass another folder, or delete this one to start anew."
        )


def facts_now(model, of_fit, there):
    """Everything that the numbers of a training depend on besides its weights, which its backups hold.

    Args:
        model: the compiled model.
        of_fit: function without arguments that returns the arguments of `fit` as a dict of text.
        there: the same of the training that may be resumed. For a model that has been trained before, the learning rate
            is taken from it, because a callback may have lowered it.

    Returns:
        A dict of text, by name.
    """
    strategy = distribute.description(model.distribute_strategy)
    facts = leaves("", environment() | strategy | {"jit_compile": model.jit_compile}) | of_fit()
    if model.optimizer.iterations.numpy() == 0:
        return facts
    return facts | {name: there[name] for name in KEPT_BY_THE_OPTIMIZER if name in there}


def named_differences(path, training, now):
    """Names what differs from the training of the backup at `path`, and logs a warning.

    With such differences the rest of the training gives other numbers.

    Args:
        path: of the backup.
        training: the backup's dict; without "facts", nothing is compared.
        now: `facts_now` of this training.

    Returns:
        A list of text: differences at earlier resumptions, then those at this one.
    """
    there, epoch = training.get("facts", {}), training["epoch"]
    names = [name for name in {**there, **now} if there and there.get(name) != now.get(name)]
    differences = training.get("differences", []) + [
        f"{name}: {there.get(name, 'nothing')} before epoch {epoch}, {now.get(name, 'nothing')} from there on"
        for name in names
    ]
    if differences:
        logging.warning(
            "Training is resumed from %s, but not bit by bit as if it had not stopped: %s. The optimizer's state and a "
            "constant learning rate come from the backup; everything else is as it is now. Delete the folder to start "
            "anew.",
            path,
            "; ".join(differences),
        )
    return differences
