"""Datasets that are drawn while they are read: the samples of a config, without a disk."""
