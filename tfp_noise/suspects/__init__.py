"""Ranking of examples whose given labels look wrong, by predictions that were made without them."""

from tfp_noise.suspects.ranking import rank
from tfp_noise.suspects.record import Suspects

__all__ = ["Suspects", "rank"]
