"""The cost of mixed precision in accuracy: digits, 40 % of the labels under noise, five methods, three policies.

`python -m experiments.sweep --under=precision --seeds=0,1,2 --workdir=DIR`
"""

from experiments.experiment import ADAM, CROSS_ENTROPY, DTYPE_POLICIES, Experiment, Method, Noise
from tfp_noise import losses

_BASE = Experiment("", "digits", Noise("symmetric", 0.4), "digits_cnn", CROSS_ENTROPY, 30, 64, ADAM)
_METHODS = [
    CROSS_ENTROPY,
    Method("LN", losses.LogisticNormal, {"temperature": 0.5, "min_scale": 0.5}),
    Method("OLS", losses.OnlineLabelSmoothing, {"alpha": 0.5}),
    Method("LLS", losses.LearnableLabelSmoothing, {"learning_rate": 1e-2}),
    Method("Het", losses.Heteroscedastic, {"train_samples": 100}),
]

EXPERIMENTS = [
    _BASE.variant(f"precision/{policy}", method, dtype_policy=policy)
    for policy in DTYPE_POLICIES
    for method in _METHODS
]
