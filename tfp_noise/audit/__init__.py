"""Command that finds wrong labels in one's own data: `python -m tfp_noise.audit --help`."""
