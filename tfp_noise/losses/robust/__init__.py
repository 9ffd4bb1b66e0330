"""Losses that tolerate noise without modelling it: bounded ones, and one that adds noise of its own."""

from tfp_noise.losses.robust.bi_tempered import BiTempered
from tfp_noise.losses.robust.generalized_cross_entropy import GeneralizedCrossEntropy
from tfp_noise.losses.robust.noise_against_noise import NoiseAgainstNoise

__all__ = ["BiTempered", "GeneralizedCrossEntropy", "NoiseAgainstNoise"]
