"""The rows of the tables as losses, with the values of their authors, which the paper keeps.

The paper does not print them; they are those of its authors' code: Bootstrap with 0.95 (soft) and 0.8 (hard) on the
label, DisturbLabel at 10 %, pairwise confusion of weight 10, label smoothing of 0.1, symmetric cross-entropy with
(alpha, beta) = (0.1, 1) on CIFAR-10 and (6, 0.1) elsewhere. That code adds pairwise confusion from epoch 200 on only,
between logits; ours always, between probabilities, as in the paper that it is from.
"""

from experiments.experiment import CROSS_ENTROPY, Method
from tfp_noise import losses

LABEL_SMOOTHING = Method("LS", losses.LabelSmoothing, {"alpha": 0.1})
ONLINE = Method("OLS", losses.OnlineLabelSmoothing, {"alpha": 0.5})
# Of every comparison.
THREE = [CROSS_ENTROPY, LABEL_SMOOTHING, ONLINE]


def online(label, **changes):
    """Online label smoothing with other arguments of its loss."""
    return Method(f"OLS-{label}", losses.OnlineLabelSmoothing, {**ONLINE.arguments, **changes})
