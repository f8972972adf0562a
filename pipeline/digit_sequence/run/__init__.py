"""Running tasks on Dask: schedulers, clusters, attempts and retries; the record of each run.

Knows nothing of what tasks do. Imports from base and store alone.
"""
