"""Training speed of networks of `models` on CPUs, beside the same networks in PyTorch."""
