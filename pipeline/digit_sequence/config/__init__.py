"""The config: a model assembled from the registries, loading and messages."""
