"""Figure 7, the weight alpha, and a study of our own: rows of N entries beside whole rows.

Figure 7 is ResNet-18 on CIFAR-100, CUB-200 and Flowers-102, a point each alpha; no numbers are printed beside it. Here
it is CIFAR-100 alone: `settings` says why the other two are left out, and Table 4's ResNet-18 on CUB-200.

The paper names rows of N entries as future work. Where both run, on pairs of digits, 100 classes, for 30 epochs: does
the loss lose anything with 10 entries a row, and are they the largest ones of the whole rows? About a minute a run on 2
CPU cores. `python -m experiments.sweep --under=LLS/top --seeds=0,1,2 --workdir=DIR`, then
`python -m experiments.papers.learnable_label_smoothing.top_entries --workdir=DIR`.
"""

from experiments.experiment import ADAM, CLEAN, CROSS_ENTROPY, Experiment, Method, Noise
from experiments.papers.laptop import LAPTOP
from experiments.papers.learnable_label_smoothing.methods import ONLINE
from experiments.papers.learnable_label_smoothing.settings import base, folder
from tfp_noise import losses

ALPHAS = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5)
_POINTS = [Method(f"LLS{alpha}", losses.LearnableLabelSmoothing, {"alpha": alpha}) for alpha in ALPHAS]
FIGURE_7 = [base("cifar100", "R18").variant(folder("figure7", "cifar100", "R18"), point) for point in _POINTS]
FIGURE_7 += [one.variant(f"LLS/figure7/{label}", point) for label, one in LAPTOP.items() for point in _POINTS]

TOP = 10
# Q's own learning rate: at Adam's 1e-3 its logits move little in 30 epochs.
_ROWS = [
    CROSS_ENTROPY,
    ONLINE,
    Method(f"OLS-top{TOP}", losses.OnlineLabelSmoothing, {"top": TOP}),
    Method("LLS", losses.LearnableLabelSmoothing, {"learning_rate": 1e-2}),
    Method(f"LLS-top{TOP}", losses.LearnableLabelSmoothing, {"learning_rate": 1e-2, "top": TOP}),
]
_PAIRS = Experiment("", "digit_pairs", CLEAN, "digits_cnn", CROSS_ENTROPY, 30, 64, ADAM)
TOP_ENTRIES = [
    _PAIRS.variant("LLS/top/digit_pairs", method, noise=noise)
    for noise in (CLEAN, Noise("symmetric", 0.4))
    for method in _ROWS
]
