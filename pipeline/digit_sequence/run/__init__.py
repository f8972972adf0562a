"""Running tasks on Dask: schedulers, clusters, attempts and retries; the record of each run."""
