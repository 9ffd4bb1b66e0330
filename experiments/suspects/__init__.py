"""Detection of wrong labels: scores, losses and estimated counts measured where the true labels are known."""
