"""Experiments of no paper: the demonstration, and mixed precision."""

from experiments.papers.own import demonstration, precision

EXPERIMENTS = [*demonstration.EXPERIMENTS, *precision.EXPERIMENTS]
