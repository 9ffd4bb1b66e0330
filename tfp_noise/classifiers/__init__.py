"""Classifiers that train otherwise than by one loss of one network, over `NoisyLabelClassifier`."""
