"""Which loss for which noise: every loss beside cross-entropy, on small data sets under noise of several kinds."""
