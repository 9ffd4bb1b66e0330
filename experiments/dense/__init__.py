"""Segmentation with noisy labels: losses compared where the true label of each pixel is known."""
