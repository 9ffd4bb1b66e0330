"""Losses that learn their soft labels during training: online and learnable label smoothing."""
