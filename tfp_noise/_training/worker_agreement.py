"""Comparison of the workers' calls of `fit`, before the first step.

Workers add up their gradients without any check: if one of them had another seed, loss, optimizer or other data,
training would run to its end and produce a model that matches no worker's settings.
"""

import json

from absl import logging
from tensorflow.python.eager import context

from tfp_noise._training.training_facts import arrays, digest, environment, leaves, training_facts
from tfp_noise.distribute._lost_workers import is_multi_worker
from tfp_noise.distribute._workers import gather_texts


def check_workers_alike(model, data, **settings):
    """Raises an error on all workers if their calls of `fit` differ; the message names the differences.

    Args:
        model: the compiled model, with `loss` and `optimizer`.
        data: dict of the data for `fit`, by argument: arrays, datasets, nests of them, or `None`.
        **settings: numbers, text, or `None`, other arguments that must be equal.
    """
    strategy = model.distribute_strategy
    if not is_multi_worker(strategy):
        return
    facts = training_facts(model, data, settings)
    facts |= {f"weight {i}": _weight(weight, model) for i, weight in enumerate(model.trainable_variables)}
    texts = gather_texts(strategy, json.dumps([facts, leaves("", environment())]))
    each, machines = zip(*map(json.loads, texts), strict=True)
    if differing := _differing(machines):
        logging.warning("Workers differ, so that training on other machines would give other digits: %s.", differing)
    if differing := _differing(each):
        raise ValueError(
            f"All workers must call the same `fit`. Received: {differing}. Start all with the same program, "
            "flags, data and seed. To give each worker a shard of its own, use "
            "`strategy.distribute_datasets_from_function`."
        )
    if context.global_seed() is None and settings.get("shuffle", True) and arrays(data.get("x")):
        raise ValueError(
            "Workers must shuffle arrays with one seed. Received: no seed, so that each worker would take its part of "
            "a different order, and some examples would be used twice and others never. Call "
            "`keras.utils.set_random_seed(0)` on all, or pass `shuffle=False`."
        )


def _differing(each):
    """Text that names up to five differences between workers; empty if there are none."""
    names = [name for name in dict.fromkeys(name for one in each for name in one) if len({*_values(each, name)}) > 1]
    found = [
        f"`{name}` is " + ", ".join(f"{value} on worker {i}" for i, value in enumerate(_values(each, name)))
        for name in names[:5]
    ]
    return "; ".join([*found, f"and {len(names) - 5} more"] if len(names) > 5 else found)


def _values(each, name):
    return [one.get(name, "missing") for one in each]


def _weight(weight, model):
    """Shape and dtype; before the first update, when all workers must have equal weights, also their CRC-32."""
    shape = f"{tuple(weight.shape)} {weight.dtype}"
    return shape if model.optimizer.iterations.numpy() else f"{shape}, {digest(weight.numpy())}"
