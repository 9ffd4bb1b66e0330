"""Learning rates that several papers have in common."""


def divided_by_ten(rate, boundaries):
    """Return a schedule, as an optimizer's settings have it, that divides the learning rate by 10 at each boundary.

    Args:
        rate: float, the first learning rate.
        boundaries: sequence of int, steps.

    Example:
        >>> divided_by_ten(0.1, [100])
        {'class_name': 'PiecewiseConstantDecay', 'config': {'boundaries': [100], 'values': [0.1, 0.01]}}
    """
    values = [rate / 10**i for i in range(len(boundaries) + 1)]
    return {"class_name": "PiecewiseConstantDecay", "config": {"boundaries": list(boundaries), "values": values}}
