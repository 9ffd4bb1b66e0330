"""Comparison of a training with the one that it goes on with: what must be the same, and what should be."""

from absl import logging

from tfp_noise import distribute
from tfp_noise._training.training_facts import environment, leaves

# Values that a resumed training has from its backup, whatever it is given.
KEPT_BY_THE_OPTIMIZER = ("optimizer.learning_rate",)


def description(model):
    """Classes and shapes that must be the same for a backup to be loaded."""
    optimizer = model.optimizer
    return {
        "loss": type(model.loss).__name__,
        "weights": [list(variable.shape) for variable in model.weights],
        "optimizer": [type(optimizer).__name__, *[list(variable.shape) for variable in optimizer.variables]],
    }


def check_model(model, path, there):
    """Refuses the backup `path`, of a model with the description `there`, for another one."""
    ours = description(model)
    changes = [f"{key}: {there[key]} there, {ours[key]} now" for key in ours if there[key] != ours[key]]
    if changes:
        raise ValueError(
            f"`backup_dir` must hold a backup of this model. {path} is of another one ({'; '.join(changes)}). "
            "Give another folder, or delete this one to start anew."
        )


def facts_now(model, of_fit, there):
    """Facts that the bits of a training depend on, but for its weights, which its backups hold.

    Args:
        model: the compiled model.
        of_fit: function without arguments that gives what the caller of `fit` has decided.
        there: facts of the training that it may go on with. What the optimizer keeps is taken from there for a model
            that has been trained, because its learning rate may have fallen since.

    Returns:
        A dict of text.
    """
    strategy = distribute.description(model.distribute_strategy)
    facts = leaves("", environment() | strategy | {"jit_compile": model.jit_compile}) | of_fit()
    if model.optimizer.iterations.numpy() == 0:
        return facts
    return facts | {name: there[name] for name in KEPT_BY_THE_OPTIMIZER if name in there}


def named_differences(path, training, now):
    """Texts that name what the training behind the backup `path` had otherwise, and a warning of them.

    Its other half comes out otherwise, too. Those of earlier halves are among them; of backups without facts nothing is
    known.
    """
    there, epoch = training.get("facts", {}), training["epoch"]
    names = [name for name in {**there, **now} if there and there.get(name) != now.get(name)]
    differences = training.get("differences", []) + [
        f"{name}: {there.get(name, 'nothing')} before epoch {epoch}, {now.get(name, 'nothing')} from there on"
        for name in names
    ]
    if differences:
        logging.warning(
            "Training goes on from %s, but not bit by bit as if it had not stopped: %s. What the optimizer keeps, a "
            "learning rate that is a number too, comes from the backup; all else is as it is now. Delete the folder to "
            "start anew.",
            path,
            "; ".join(differences),
        )
    return differences
