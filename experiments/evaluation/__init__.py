"""Measurements of a run: scores and curves, and what else an experiment asks for. Clean labels are used here only."""

from experiments.evaluation.curves import Curves
from experiments.evaluation.scores import PREDICTION_BATCH, evaluate, learned_rows, predict, sample

__all__ = ["PREDICTION_BATCH", "Curves", "evaluate", "learned_rows", "predict", "sample"]
