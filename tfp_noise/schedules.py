"""Learning-rate schedules that change another one: a warm-up, and scaling for a larger batch."""

from typing import Any

import keras
from keras import ops

from tfp_noise import _validation

__all__ = ["LargerBatch", "WarmUp"]


@keras.saving.register_keras_serializable(package="tfp_noise")
class WarmUp(keras.optimizers.schedules.LearningRateSchedule):
    """Linear warm-up to the learning rate of another schedule.

    At step `s`, counted from 0 as Keras does:

        rate(s) = min(1, (s + 1) / steps) * schedule(s)

    The first update has a rate above 0, and the last update of the warm-up has the full rate. The steps of the warm-up
    count for `schedule`, too, so that its boundaries do not move.

    Args:
        schedule: a `keras.optimizers.schedules.LearningRateSchedule`, or the dict that `serialize` makes of one.
        steps: int >= 1, number of updates in the warm-up.

    Raises:
        TypeError: if `schedule` is not a schedule or `steps` not an integer.
        ValueError: if `steps` is below 1.

    Example:
        >>> decay = keras.optimizers.schedules.PiecewiseConstantDecay([6], [1.0, 0.5])
        >>> schedule = WarmUp(decay, steps=4)
        >>> [float(schedule(step)) for step in (0, 1, 3, 6, 7)]
        [0.25, 0.5, 1.0, 1.0, 0.5]

    References:
        Goyal et al., "Accurate, large minibatch SGD: training ImageNet in 1 hour", 2017, section 2.2.
    """

    def __init__(self, schedule: keras.optimizers.schedules.LearningRateSchedule | dict[str, Any], steps: int):
        cure = "For a constant rate after the warm-up, pass `PiecewiseConstantDecay([1], [rate, rate])`."
        self.schedule = _check_schedule(schedule, cure)
        self.steps = _validation.check_int("steps", steps, 1)

    def __call__(self, step):
        rate = ops.convert_to_tensor(self.schedule(step))
        return rate * ops.minimum((ops.cast(step, rate.dtype) + 1) / self.steps, 1)

    def get_config(self):
        return {"schedule": keras.optimizers.schedules.serialize(self.schedule), "steps": self.steps}


@keras.saving.register_keras_serializable(package="tfp_noise")
class LargerBatch(keras.optimizers.schedules.LearningRateSchedule):
    """Linear scaling rule: the schedule for batches that are `factor` times as large.

        rate(s) = factor * schedule(factor * s)

    One step processes `factor` times as many examples, so it takes the place of `factor` steps of the original
    schedule. Departure from the paper: there is no warm-up, which large factors need; wrap the result in `WarmUp`.

    Args:
        schedule: a `keras.optimizers.schedules.LearningRateSchedule`, or the dict that `serialize` makes of one.
        factor: int >= 1, how many times as large the batches are.

    Raises:
        TypeError: if `schedule` is not a schedule or `factor` not an integer.
        ValueError: if `factor` is below 1.

    Example:
        >>> decay = keras.optimizers.schedules.PiecewiseConstantDecay([7], [1.0, 0.1])
        >>> schedule = LargerBatch(decay, factor=4)
        >>> [round(float(schedule(step)), 6) for step in (0, 1, 2)]
        [4.0, 4.0, 0.4]

    References:
        Goyal et al., "Accurate, large minibatch SGD: training ImageNet in 1 hour", 2017, section 2.1.
    """

    def __init__(self, schedule: keras.optimizers.schedules.LearningRateSchedule | dict[str, Any], factor: int):
        self.schedule = _check_schedule(schedule, "Multiply a constant rate by the factor instead.")
        self.factor = _validation.check_int("factor", factor, 1)

    def __call__(self, step):
        return self.factor * ops.convert_to_tensor(self.schedule(self.factor * step))

    def get_config(self):
        return {"schedule": keras.optimizers.schedules.serialize(self.schedule), "factor": self.factor}


def _check_schedule(schedule, cure):
    if isinstance(schedule, dict):
        try:
            schedule = keras.optimizers.schedules.deserialize(schedule)
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(
                "`schedule` must be a schedule, or a dict that `keras.optimizers.schedules.serialize` made. "
                f"Received: {schedule!r:.100}."
            ) from error
    if not isinstance(schedule, keras.optimizers.schedules.LearningRateSchedule):
        raise TypeError(f"`schedule` must be a LearningRateSchedule. Received: {schedule!r}. {cure}")
    return schedule
