"""Workers as jobs of Slurm; dask-jobqueue has the same for PBS, LSF, SGE, OAR and HTCondor.

    digit-sequence build CONFIG -o /shared/OUT --cluster configs/clusters/slurm.py:make_cluster

Run it where jobs can be submitted, in an environment that the nodes see as well. A job inherits
the variables of the one who submits it, credentials of an object store among them.
"""

import os


def make_cluster():
    """Submit jobs; each is several workers of one thread."""
    from dask_jobqueue import SLURMCluster

    cores = int(os.environ.get("DASK_CORES", "4"))  # of one job
    cluster = SLURMCluster(
        cores=cores,
        processes=cores,
        memory=f"{2 * cores}GiB",
        walltime="04:00:00",
        interface=os.environ.get("DASK_INTERFACE"),  # the network that nodes share, such as ib0
        job_extra_directives=os.environ.get("SBATCH_EXTRA", "").split(),  # --partition=short
    )
    cluster.scale(jobs=int(os.environ.get("DASK_JOBS", "4")))
    return cluster
