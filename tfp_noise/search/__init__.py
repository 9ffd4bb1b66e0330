"""Choice of a loss and its hyperparameters by given labels that were held out, with KerasTuner."""

from tfp_noise.search.choosing import choose_loss
from tfp_noise.search.record import SearchResult, Trial

__all__ = ["SearchResult", "Trial", "choose_loss"]
