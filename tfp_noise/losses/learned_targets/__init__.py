"""Losses that learn their soft labels while they train: online and learnable label smoothing."""
