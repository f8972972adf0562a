"""Real clusters on loopback: workers killed, added, far from every file; TLS; the examples."""

from __future__ import annotations

import datetime
import ipaddress
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import uuid
from pathlib import Path

import pytest

from builds import (
    ALL_TRANSFORMS,
    FEW_TRANSFORMS,
    ROOT,
    build,
    build_apart,
    drop_records,
    open_cluster,
    read_tree,
    run_program,
    write_config,
)
from digit_sequence.base.errors import BuildError, OutputError
from digit_sequence.base.installation import find_pip
from digit_sequence.building.dataset import build_dataset
from digit_sequence.building.sampler import open_sampler
from digit_sequence.cli.program import main
from digit_sequence.run.schedulers import SchedulerOptions, open_scheduler
from digit_sequence.store.storage import Storage
from servers import BUCKET

N_SHARDS = 120
MANY = {"train": {"numbers": {"random": {"lengths": [1, 5]}}, "samples": 360}}
EXAMPLES = ROOT / "configs" / "clusters"


@pytest.fixture(scope="module")
def cluster(object_store, forks, tmp_path_factory):
    """Run a cluster of two workers that share nothing but the object store."""
    folder = tmp_path_factory.mktemp("cluster")
    with open_cluster(folder, 2, forks, object_store.environment) as cluster:
        cluster.wait_for_workers(2)
        yield cluster


@pytest.fixture(autouse=True)
def _environment(object_store, monkeypatch):
    """Let this process reach the store."""
    for name, value in object_store.environment.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def folder():
    """Return the name of a folder of the bucket that is not there yet."""
    return f"cluster-{uuid.uuid4().hex[:8]}"


@pytest.fixture
def uri(folder):
    """Return the URI of that folder."""
    return f"s3://{BUCKET}/{folder}"


@pytest.fixture(scope="module")
def many(tiny_config, tmp_path_factory):
    """Return a config of 120 shards, and the tree that a local build of it leaves."""
    config = tiny_config(**FEW_TRANSFORMS, splits=MANY, output={"shard_samples": 3})
    folder = tmp_path_factory.mktemp("many")
    return config, build_apart(config, folder)


def run(*arguments):
    """Run the command line here, and return its exit code."""
    with pytest.raises(SystemExit) as ended:
        main(list(map(str, arguments)))
    return ended.value.code


def expect_error(capsys, *arguments):
    """Run the command line, and return the one error that it ends with."""
    assert run(*arguments) == 2
    errors = capsys.readouterr().err.splitlines()
    assert errors[-1].startswith("error: "), errors
    return errors[-1]


# -- choosing a cluster ---------------------------------------------------------------------------

FACTORY = """
from distributed import SpecCluster, Scheduler, Worker


def make_cluster():
    options = {"host": "127.0.0.1", "dashboard_address": "127.0.0.1:0"}
    return SpecCluster(
        scheduler={"cls": Scheduler, "options": options},
        workers={0: {"cls": Worker, "options": {"nthreads": 2, **options}}},
    )
"""


@pytest.mark.parametrize(
    "way",
    ["address", "file", "module", "path", pytest.param("environment", marks=pytest.mark.slow)],
)
def test_ways_to_a_cluster(built, tiny_config, cluster, tmp_path, monkeypatch, capsys, way):
    """Every option that names a cluster builds on it, and leaves the bytes of a local build."""
    path = write_config(tmp_path / "config.yaml", tiny_config(**ALL_TRANSFORMS))
    monkeypatch.chdir(tmp_path)
    factories = tmp_path / f"factories_{way}.py"
    factories.write_text(FACTORY)
    options = {
        "address": ["--scheduler", cluster.address],
        "file": ["--scheduler-file", cluster.file],
        "environment": [],
        "module": ["--cluster", "factories_module:make_cluster"],
        "path": ["--cluster", f"{factories}:make_cluster"],
    }
    if way == "environment":
        variables = {"DASK_SCHEDULER_ADDRESS": cluster.address}
        done = run_program("build", path, "-o", tmp_path / "out", env=variables)
        assert done.returncode == 0, done.stderr
        printed = done.stderr
    else:
        assert run("build", path, "-o", tmp_path / "out", *options[way]) == 0
        printed = capsys.readouterr().err
    kind = {"module": "factories_module:make_cluster", "path": f"{factories}:make_cluster"}
    assert printed.startswith(f"{kind.get(way, cluster.address)}, 2 at a time")
    assert drop_records(read_tree(tmp_path / "out")) == drop_records(read_tree(built()))


def silent_address():
    """Listen on a port and never answer."""
    server = socket.create_server(("127.0.0.1", 0))
    return server, f"tcp://127.0.0.1:{server.getsockname()[1]}"


@pytest.mark.parametrize(
    "place", ["refused", "silent", "tls", "no file", "empty file", "other file"]
)
def test_no_scheduler_there(tiny_config, cluster, tmp_path, monkeypatch, capsys, place):
    """A scheduler that does not answer is one clear error in bounded time; no thread stays."""
    monkeypatch.setattr("digit_sequence.run.cluster.CONNECT_SECONDS", 2.0)
    server, silent = silent_address()
    (tmp_path / "empty.json").write_text("")
    (tmp_path / "other.json").write_text("{}")
    options = {
        "refused": ("--scheduler", "tcp://127.0.0.1:1"),
        "silent": ("--scheduler", silent),
        "tls": ("--scheduler", cluster.address.replace("tcp:", "tls:")),
        "no file": ("--scheduler-file", tmp_path / "none.json"),
        "empty file": ("--scheduler-file", tmp_path / "empty.json"),
        "other file": ("--scheduler-file", tmp_path / "other.json"),
    }
    path = write_config(tmp_path / "config.yaml", tiny_config())
    threads = {*threading.enumerate()}
    begin = time.monotonic()
    with server:
        error = expect_error(capsys, "build", path, "-o", tmp_path / "out", *options[place])
        for thread in {*threading.enumerate()} - threads:
            thread.join(20)
            assert not thread.is_alive(), thread
    assert time.monotonic() - begin < 40
    assert f"{options[place][1]}: no Dask scheduler answers: " in error
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("no_such_module:make_cluster", "No module named 'no_such_module'"),
        ("factories.py", "there is no colon"),
        ("none.py:make_cluster", "No such file or directory"),
        ("factories.py:make", "has no attribute 'make'"),
        ("factories.py:number", "number is not a function"),
        ("broken.py:make_cluster", "invalid syntax"),
        ("raises.py:make_cluster", "ZeroDivisionError"),
        ("factories.py:none", "expected a Dask cluster from factories.py:none, got None"),
        ("factories.py:address", "expected a Dask cluster .*, got 'tcp://127.0.0.1:1'"),
        ("factories.py:kind", "expected a Dask cluster from .*, got <class"),
        ("factories.py:ended", r"factories\.py:\d+: SystemExit: no queue"),
        ("factories.py:closed", r"expected a Dask cluster that runs, got LocalCluster.*: Runt"),
        ("factories.py:other", "r: expected a Dask cluster that runs, got <.*: TypeError: "),
        (
            "factories.py:lacking",
            "No module named 'no_such_package'; .*pip install no-such-package",
        ),
    ],
)
def test_no_factory_there(tiny_config, tmp_path, monkeypatch, capsys, name, problem):
    """A factory that cannot be found or called is an error that says why."""
    monkeypatch.chdir(tmp_path)
    Path("factories.py").write_text(
        "number = 1\ndef lacking():\n    import no_such_package.deeper\n"
        "def none(): return None\ndef address(): return 'tcp://127.0.0.1:1'\n"
        "def ended(): raise SystemExit('no queue')\n"
        "from distributed import LocalCluster\ndef kind(): return LocalCluster\n"
        "def closed():\n    with LocalCluster(0, dashboard_address=None) as it: return it\n"
        "def other():\n    class Other: scheduler_address = ''\n    return Other()\n"
    )
    Path("raises.py").write_text("1 / 0\n")
    Path("broken.py").write_text("def make_cluster(:\n")
    path = write_config(tmp_path / "config.yaml", tiny_config())
    error = expect_error(capsys, "build", path, "-o", tmp_path / "out", "--cluster", name)
    assert error.startswith("error: --cluster: ")
    assert re.search(problem, error)


# -- losses ---------------------------------------------------------------------------------------


@pytest.mark.slow
def test_workers_come_and_go(many, object_store, tmp_path, folder, uri):
    """Workers that share no file system are killed and added; the bytes are the local ones.

    Once the build has begun neither the source nor the driver's cache is there any more.
    """
    config, tree = many
    source = Path(config.source.images).parent
    with open_cluster(tmp_path, 2, environment=object_store.environment) as cluster:
        workers = cluster.workers
        sampler = open_sampler(config)
        n_results = 0

        def disturb(_samples, is_new):
            nonlocal n_results
            n_results += is_new
            if is_new and n_results % 40 == 0:
                cluster.start_worker()
                workers.pop(0).send_signal(signal.SIGKILL)

        source.rename(source.with_name("away"))
        shutil.rmtree(os.environ["DIGIT_SEQUENCE_CACHE"])
        try:
            with open_scheduler(SchedulerOptions(cluster.address)) as here:
                build_dataset(sampler, Storage(uri), here, disturb)
        finally:
            source.with_name("away").rename(source)
    assert n_results == N_SHARDS
    assert drop_records(object_store.read_tree(folder)) == tree


@pytest.mark.slow
@pytest.mark.parametrize("victim", ["workers", "scheduler"])
def test_cluster_is_gone(many, object_store, tmp_path, folder, uri, victim):
    """A build whose cluster is gone ends in bounded time, and goes on elsewhere."""
    config, tree = many
    with open_cluster(tmp_path, 2, environment=object_store.environment) as cluster:
        cluster.wait_for_workers(2)
        n_results = 0

        def kill(_samples, is_new):
            nonlocal n_results
            n_results += is_new
            if n_results == 10:
                for process in cluster.workers if victim == "workers" else [cluster.scheduler]:
                    process.kill()

        options = SchedulerOptions(cluster.address, worker_timeout_seconds=3)
        begin = time.monotonic()
        with (
            pytest.raises(BuildError) as caught,
            open_scheduler(options) as here,
        ):
            build_dataset(open_sampler(config), Storage(uri), here, kill)
        assert time.monotonic() - begin < 60
    problem = (
        "no worker is left"
        if victim == "workers"
        else "the (connection to the )?scheduler (is gone|does not|was lost)"
    )
    assert re.match(f"{problem}.*run the same command again", str(caught.value))
    assert 0 < build(config, uri, "threads").built_samples < 360
    assert drop_records(object_store.read_tree(folder)) == tree


def test_worker_that_cannot_write(tiny_config, forks, tmp_path, uri):
    """Workers that lack the credentials are named before a shard is tried."""
    with (
        open_cluster(tmp_path, 1, forks, {"AWS_SECRET_ACCESS_KEY": "wrong"}) as other,
        open_scheduler(SchedulerOptions(other.address)) as here,
        pytest.raises(OutputError, match=r"1 of 1 workers cannot .*\n  tcp://127.0.0.1:\d+: .*s3:"),
    ):
        build_dataset(open_sampler(tiny_config()), Storage(uri), here)


# -- TLS ------------------------------------------------------------------------------------------


def write_certificates(folder):
    """Write a certificate authority, and a key and a certificate that it signed, for loopback."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    now = datetime.datetime.now(datetime.UTC)

    def name(text):
        return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, text)])

    def sign(subject, key, *extensions):
        builder = (
            x509.CertificateBuilder()
            .subject_name(name(subject))
            .issuer_name(name("authority"))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(hours=1))
            .not_valid_after(now + datetime.timedelta(hours=1))
        )
        for extension in extensions:
            builder = builder.add_extension(extension, critical=False)
        return builder.sign(authority_key, hashes.SHA256())

    authority_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    loopback = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    files = {
        "authority.pem": sign("authority", authority_key, x509.BasicConstraints(True, None)),
        "certificate.pem": sign("node", key, x509.SubjectAlternativeName([loopback])),
    }
    for file, certificate in files.items():
        (folder / file).write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )


@pytest.mark.slow
def test_tls(built, tiny_config, object_store, tmp_path):
    """A cluster that demands certificates builds for those who have one, and for nobody else."""
    write_certificates(tmp_path)
    tls = "DASK_DISTRIBUTED__COMM__TLS__"
    environment = {f"{tls}CA_FILE": str(tmp_path / "authority.pem")}
    for role in ("SCHEDULER", "WORKER", "CLIENT"):
        environment[f"{tls}{role}__CERT"] = str(tmp_path / "certificate.pem")
        environment[f"{tls}{role}__KEY"] = str(tmp_path / "key.pem")
    environment["DASK_DISTRIBUTED__COMM__REQUIRE_ENCRYPTION"] = "True"
    path = write_config(tmp_path / "config.yaml", tiny_config(**ALL_TRANSFORMS))
    command = ("build", path, "-o", tmp_path / "out", "--scheduler")
    with open_cluster(tmp_path, 2, environment=environment, protocol="tls") as cluster:
        assert cluster.address.startswith("tls://127.0.0.1:")
        done = run_program(*command, cluster.address, env=environment)
        assert done.returncode == 0, done.stderr
        refused = run_program(*command, cluster.address)
        assert refused.returncode == 2
        assert "error: --scheduler: tls://127.0.0.1:" in refused.stderr
        assert "Traceback" not in refused.stderr
    assert drop_records(read_tree(tmp_path / "out")) == drop_records(read_tree(built()))


# -- the examples ---------------------------------------------------------------------------------

PACKAGES = {
    "ssh": "asyncssh",
    "slurm": "dask-jobqueue",
    "kubernetes": "dask-kubernetes",
    "gateway": "dask-gateway",
    "coiled": "coiled",
}


def test_every_example_is_tested():
    """The folder of examples holds one for each kind of cluster."""
    assert {path.stem for path in EXAMPLES.glob("*.py")} == PACKAGES.keys()


@pytest.mark.parametrize("name", PACKAGES)
def test_example_names_its_package(tiny_config, tmp_path, monkeypatch, capsys, name):
    """An example imports its package when it is called, and tells which one is missing."""
    module = PACKAGES[name].replace("-", "_")
    monkeypatch.setitem(sys.modules, module, None)  # as if it were not installed
    path = write_config(tmp_path / "config.yaml", tiny_config())
    factory = f"{EXAMPLES / name}.py:make_cluster"
    error = expect_error(capsys, "build", path, "-o", tmp_path / "out", "--cluster", factory)
    assert f"{name}.py:" in error
    assert f"needs the package {PACKAGES[name]}: {find_pip()} {PACKAGES[name]}" in error


def test_slurm_job_script():
    """The Slurm example asks for jobs of one worker, with its cores, memory and time."""
    # In a process of its own that ends at once: closing such a cluster may wait forever.
    print_script = (
        "import os, sys; from digit_sequence.run.factories import load_factory; "
        "print(load_factory(sys.argv[1])().job_script(), flush=True); os._exit(0)"
    )
    script = subprocess.run(
        [sys.executable, "-c", print_script, f"{EXAMPLES / 'slurm'}.py:make_cluster"],
        env=os.environ
        | {"DASK_JOBS": "0", "DASK_INTERFACE": "lo", "SBATCH_EXTRA": "--partition=short"},
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    ).stdout
    assert "#SBATCH --cpus-per-task=4" in script
    assert "#SBATCH --mem=8G" in script
    assert "#SBATCH --partition=short" in script
    assert "#SBATCH -t 04:00:00" in script
    assert re.search(
        r"-m distributed\.cli\.dask_worker tcp://127.0.0.1:.* --nthreads 1 .*--nworkers 4", script
    )


@pytest.mark.slow
@pytest.mark.parametrize("flaw", ["version", "no package"])
def test_late_unfit_worker(tiny_config, object_store, tmp_path, folder, uri, flaw):
    """A worker that cannot take part and comes during a build costs no shard, and lives."""
    config = tiny_config(splits=MANY, output={"shard_samples": 3})
    if flaw == "version":
        other = tmp_path / "other"
        shutil.copytree(ROOT / "pipeline", other)
        place = other / "digit_sequence/base/version.py"
        place.write_text('__version__ = "99.9"\n')
        words, environment = (), {"PYTHONPATH": str(other)}
    else:
        (tmp_path / "preload.py").write_text("import sys\nsys.modules['digit_sequence'] = None\n")
        words, environment = ("--preload", tmp_path / "preload.py"), {}
    with open_cluster(tmp_path / "cluster", 1, environment=object_store.environment) as cluster:
        cluster.wait_for_workers(1)
        is_there = False

        def disturb(_samples, is_new):
            nonlocal is_there
            if is_new and not is_there:
                cluster.start_worker(*words, **environment)
                cluster.wait_for_workers(2)
                is_there = True

        with open_scheduler(SchedulerOptions(cluster.address)) as here:
            build_dataset(open_sampler(config), Storage(uri), here, disturb)
        cluster.wait_for_workers(2)
    tree = object_store.read_tree(folder)
    (log,) = (text for path, text in tree.items() if "/runs/" in path)
    assert b'"event": "failure"' in log
    assert b"Killed" not in log
    assert drop_records(tree) == drop_records(build_apart(config, tmp_path / "apart"))
