"""Workers of a Dask Gateway, whose image has this package and may write to the output.

    DASK_GATEWAY__ADDRESS=https://... digit-sequence build CONFIG -o s3://BUCKET/OUT \
        --cluster configs/clusters/gateway.py:make_cluster
"""

import os


def make_cluster():
    """Ask the gateway for a cluster."""
    from dask_gateway import Gateway

    cluster = Gateway().new_cluster(shutdown_on_close=True)
    cluster.scale(int(os.environ.get("DASK_WORKERS", "16")))
    return cluster
