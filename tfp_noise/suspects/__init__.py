"""Which labels are wrong: examples ranked by predictions that were made without them."""

from tfp_noise.suspects.ranking import rank
from tfp_noise.suspects.record import Suspects

__all__ = ["Suspects", "rank"]
