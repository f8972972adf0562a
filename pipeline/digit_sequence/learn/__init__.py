"""Training jobs: PyTorch datasets, the order of an epoch, the reference network."""
