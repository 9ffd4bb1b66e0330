"""Refusal of a `fit` that is not the same on all of several workers, before its first step.

Workers add up their gradients, whatever these are gradients of: with another seed, loss, optimizer or data on one of
them, training would run to its end and give a model that nobody described.
"""

import json

from absl import logging
from tensorflow.python.eager import context

from tfp_noise._training.training_facts import arrays, digest, environment, leaves, training_facts
from tfp_noise.distribute._lost_workers import is_multi_worker
from tfp_noise.distribute._workers import gather_texts


def check_workers_alike(model, data, **settings):
    """Refuses, on every one of several workers, a `fit` that differs on some worker, and names what differs.

    Args:
        model: the compiled model, with `loss` and `optimizer`.
        data: dict of what `fit` reads, by argument: arrays, datasets, nests of them, or `None`.
        **settings: numbers, text, or `None`; what else must be alike.
    """
    strategy = model.distribute_strategy
    if not is_multi_worker(strategy):
        return
    facts = training_facts(model, data, settings)
    facts |= {f"weight {i}": _weight(weight, model) for i, weight in enumerate(model.trainable_variables)}
    texts = gather_texts(strategy, json.dumps([facts, leaves("", environment())]))
    each, machines = zip(*map(json.loads, texts), strict=True)
    if differing := _differing(machines):
        logging.warning("Workers differ, and training would give other digits elsewhere: %s.", differing)
    if differing := _differing(each):
        raise ValueError(
            f"All workers must call the same `fit`. Received: {differing}. Start all with the same program, "
            "flags, data and seed. Shares of the data, a different one for each worker, belong into "
            "`strategy.distribute_datasets_from_function`."
        )
    if context.global_seed() is None and settings.get("shuffle", True) and arrays(data.get("x")):
        raise ValueError(
            "Workers must shuffle arrays with one seed. Received: no seed, so that each would take its part of another "
            "order, some examples twice and some never. Call `keras.utils.set_random_seed(0)` on all, or pass "
            "`shuffle=False`."
        )


def _differing(each):
    """Differences between workers in words; empty if there are none."""
    names = [name for name in dict.fromkeys(name for one in each for name in one) if len({*_said(each, name)}) > 1]
    found = [
        f"`{name}` is " + ", ".join(f"{said} on worker {i}" for i, said in enumerate(_said(each, name)))
        for name in names[:5]
    ]
    return "; ".join([*found, f"and {len(names) - 5} more"] if len(names) > 5 else found)


def _said(each, name):
    return [one.get(name, "not there") for one in each]


def _weight(weight, model):
    """Shape and type; before the first update, when all workers must hold the same numbers, a digest of those."""
    shape = f"{tuple(weight.shape)} {weight.dtype}"
    return shape if model.optimizer.iterations.numpy() else f"{shape}, {digest(weight.numpy())}"
