"""Workers on machines that SSH reaches; needs dask, this package and the same Python on each.

    DASK_HOSTS="head node1 node2" digit-sequence build CONFIG -o /shared/OUT \
        --cluster configs/clusters/ssh.py:make_cluster

The first host gets the scheduler. DASK_PYTHON is the interpreter there, by default this one's path.
"""

import os


def make_cluster():
    """Start a scheduler on the first host, and a worker for each core of the others."""
    import asyncssh  # noqa: F401 - what SSHCluster connects with
    from distributed import SSHCluster

    return SSHCluster(
        os.environ["DASK_HOSTS"].split(),
        remote_python=os.environ.get("DASK_PYTHON"),
        worker_options={"nthreads": 1, "n_workers": int(os.environ.get("DASK_CORES", "4"))},
    )
