"""A page about a dataset, to look at: figures, samples, distributions, comparisons."""
