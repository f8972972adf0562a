"""Workers as pods of Kubernetes; needs the Dask operator there, and an image with this package.

    DASK_IMAGE=registry/digit-sequence digit-sequence build CONFIG -o s3://BUCKET/OUT \
        --cluster configs/clusters/kubernetes.py:make_cluster

Pods take the credentials of the object store from the secret `digit-sequence`:
kubectl create secret generic digit-sequence --from-literal=AWS_ACCESS_KEY_ID=...
"""

import os


def make_cluster():
    """Create a DaskCluster whose pods have one worker of one thread each."""
    from dask_kubernetes.operator import KubeCluster, make_cluster_spec

    spec = make_cluster_spec(
        name=f"digit-sequence-{os.getpid()}",
        image=os.environ["DASK_IMAGE"],
        n_workers=int(os.environ.get("DASK_WORKERS", "16")),
        resources={"requests": {"cpu": "1", "memory": "2Gi"}, "limits": {"memory": "2Gi"}},
    )
    (container,) = spec["spec"]["worker"]["spec"]["containers"]
    container["args"] += ["--nthreads", "1"]
    container["envFrom"] = [{"secretRef": {"name": "digit-sequence"}}]
    return KubeCluster(custom_cluster_spec=spec)
