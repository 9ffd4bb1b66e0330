"""Rows of N entries beside whole rows, where both run: on pairs of digits, 100 classes, for 30 epochs.

The paper names such rows as future work. With 10 of 100 entries a row, does the loss lose anything? Are they the
largest ones of the whole rows? `python -m experiments.sweep --under=LLS/top --seeds=0,1,2 --workdir=DIR`, then
`python -m experiments.papers.learnable_label_smoothing.findings --workdir=DIR`. About a minute a run on 2 CPU cores.
"""

from experiments.experiment import ADAM, CLEAN, CROSS_ENTROPY, Experiment, Method, Noise
from experiments.papers.learnable_label_smoothing.settings import ONLINE
from tfp_noise import losses

TOP = 10
# Q's own learning rate: at Adam's 1e-3 its logits move little in 30 epochs.
_METHODS = [
    CROSS_ENTROPY,
    ONLINE,
    Method(f"OLS-top{TOP}", losses.OnlineLabelSmoothing, {"top": TOP}),
    Method("LLS", losses.LearnableLabelSmoothing, {"learning_rate": 1e-2}),
    Method(f"LLS-top{TOP}", losses.LearnableLabelSmoothing, {"learning_rate": 1e-2, "top": TOP}),
]
_BASE = Experiment("", "digit_pairs", CLEAN, "digits_cnn", CROSS_ENTROPY, 30, 64, ADAM)

EXPERIMENTS = [
    _BASE.variant("LLS/top/digit_pairs", method, noise=noise)
    for noise in (CLEAN, Noise("symmetric", 0.4))
    for method in _METHODS
]
