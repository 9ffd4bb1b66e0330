"""Detection with noisy labels: losses compared on the classes of anchors, where the true label of each box is known."""
