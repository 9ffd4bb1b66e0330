"""Choice of a loss by the kind of noise: every loss beside cross-entropy, on small data sets."""
