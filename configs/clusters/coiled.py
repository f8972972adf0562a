"""Workers in a cloud account, started by Coiled, which installs what is installed here.

    coiled login
    digit-sequence build CONFIG -o s3://BUCKET/OUT --cluster configs/clusters/coiled.py:make_cluster

The workers get short-lived credentials of the account; the bucket should be in the same region.
"""

import os


def make_cluster():
    """Start machines of two cores."""
    import coiled

    return coiled.Cluster(
        name=f"digit-sequence-{os.getpid()}",
        n_workers=int(os.environ.get("DASK_WORKERS", "8")),
        worker_cpu=2,
        region=os.environ.get("AWS_REGION"),
        spot_policy="spot_with_fallback",
        worker_options={"nthreads": 2},
    )
