"""Active losses, plain or normalised, and checks of the losses that add a passive one to them."""

from keras import ops

from tfp_noise.losses._entropies import class_losses, cross_entropy, log_complement, product

FOCAL = ("focal", "nfl")
NORMALISED = ("nce", "nfl")
ACTIVE = ("ce", "nce", "focal", "nfl")
# So that not all of (1 - p_k)^gamma underflow in float32: the largest 1 - p_k is at least 1 / 2.
_LARGEST_GAMMA = 100


def exponent(loss):
    """Exponent of the focal weight of `loss.active`, 0 for the losses without one."""
    return 0.0 if loss.active not in FOCAL else 0.5 if loss.gamma is None else loss.gamma


def active_loss(loss, targets, log_p):
    """The active loss of each example, `[batch]`, of a loss with `active` and `gamma`."""
    if loss.active in NORMALISED:
        return normalised(targets, class_losses(log_p, exponent(loss)))
    if loss.active == "ce":
        return cross_entropy(targets, log_p)
    return -ops.sum(product(log_p, targets) * ops.exp(exponent(loss) * log_complement(log_p)), axis=-1)


def normalised(weights, losses):
    """Weighted sum of the losses of the classes over their sum, `[batch]`."""
    return ops.sum(weights * losses, axis=-1) / ops.sum(losses, axis=-1)


def check_weights(loss, weights):
    """`weights` as a tuple of two floats that are not negative."""
    if not hasattr(weights, "__len__") or isinstance(weights, (str, bytes, dict, set)):
        raise TypeError(
            f"`weights` must be two numbers, of the active and of the other loss. Received: {weights!r:.100} of type "
            f"{type(weights).__name__}. Pass a pair such as (1.0, 1.0)."
        )
    if len(weights) != 2:
        raise ValueError(
            f"`weights` must be two numbers, of the active and of the other loss. Received {len(weights)}: "
            f"{weights!r:.100}. Pass a pair such as (1.0, 1.0)."
        )
    return tuple(loss._check_number(f"weights[{i}]", weight, 0) for i, weight in enumerate(weights))


def check_gamma(loss, gamma):
    """`gamma` as a float that is not negative, or `None`; refused if `loss.active` is not focal."""
    if gamma is None:
        return None
    if loss.active not in FOCAL:
        raise ValueError(
            f"`gamma` belongs to the focal losses. Received: gamma={gamma!r:.100} with active={loss.active!r}. Leave "
            "it out, or pass active='nfl'."
        )
    return loss._check_number("gamma", gamma, 0, _LARGEST_GAMMA)
