"""Whole datasets on disk, for tests of what builds write."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from digit_sequence.building.dataset import BuildResult, build_dataset
from digit_sequence.building.sampler import open_sampler
from digit_sequence.config.model import Config
from digit_sequence.run.events import RUNS_FOLDER
from digit_sequence.run.schedulers import SchedulerOptions, open_scheduler
from digit_sequence.store.storage import Storage
from digit_sequence.transforms.registry import TRANSFORMS

START_SECONDS = 60

ROOT = Path(__file__).resolve().parents[1]


def _list_transforms() -> dict[str, Any]:
    """Return the sections of a config with the example of every transform, by chance."""
    sections: dict[str, Any] = {"glyph": {}, "line": {}}
    for transform in (it for it in TRANSFORMS.values() if it.example is not None):
        settings = transform.example
        if isinstance(settings, dict) and "probability" in transform.Settings.model_fields:
            settings = settings | {"probability": 0.5}
        sections[transform.section][transform.name] = settings
    return sections


ALL_TRANSFORMS = _list_transforms()
FEW_TRANSFORMS = {
    section: {name: ALL_TRANSFORMS[section][name] for name in names}
    for section, names in (("glyph", ("rotate", "salt")), ("line", ("slant", "blur", "noise")))
}
"""For what is the same whatever is drawn: built and verified in half the time."""


def build(
    config: Config,
    folder: Path | str,
    scheduler: str = "synchronous",
    workers: int | None = None,
    overwrite: bool = False,
) -> BuildResult:
    """Build the dataset of a config in a folder."""
    with open_scheduler(SchedulerOptions(scheduler, workers=workers)) as run:
        sampler = open_sampler(config)
        return build_dataset(sampler, Storage(str(folder)), run, overwrite=overwrite)


def read_tree(folder: Path) -> dict[str, bytes]:
    """Return the content of every file of a dataset, by path, but for what differs between runs."""
    passing = {folder / ".build/tmp", folder / ".build/runs"}
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.parent not in passing
    }


def drop_records(tree: dict[str, bytes]) -> dict[str, bytes]:
    """Leave out of a tree what differs between runs."""
    return {path: content for path, content in tree.items() if not path.startswith(RUNS_FOLDER)}


def build_apart(config: Config, folder: Path) -> dict[str, bytes]:
    """Build in a folder of its own, with a cache of its own; return the tree."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DIGIT_SEQUENCE_CACHE", str(folder / "cache"))
        build(config, folder / "out")
    return read_tree(folder / "out")


def read_rows(folder: Path) -> pa.Table:
    """Return the label rows of all splits of a dataset."""
    return pa.concat_tables(
        pq.ParquetFile(path).read() for path in sorted(folder.glob("labels/*/*.parquet"))
    )


def read_encoded(folder: Path, row: dict[str, Any]) -> bytes:
    """Read the encoded image that a label row points at, as any reader would."""
    with (folder / row["file"]).open("rb") as file:
        return os.pread(file.fileno(), row["size"], row["offset"])


def write_config(path: Path, config: Config, **overrides: Any) -> Path:
    """Write a config as YAML, which JSON is; keywords replace whole blocks."""
    tree = config.model_dump(mode="json", exclude_none=True) | overrides
    path.write_text(json.dumps(tree))
    return path


def start_python(*arguments: object, **options: Any) -> subprocess.Popen[Any]:
    """Start Python in a process of its own, with this package in reach."""
    ours = {"PYTHONPATH": str(ROOT / "pipeline"), "COLUMNS": ""}  # messages are not folded
    environment = {**os.environ, **ours, **options.pop("env", {})}
    command = [sys.executable, *map(str, arguments)]
    return subprocess.Popen(command, env=environment, **options)


def run_program(*arguments: object, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run the command line in a process of its own, to its end."""
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    process = start_python("-m", "digit_sequence", *arguments, **(pipes | options))
    stdout, stderr = process.communicate(timeout=120)
    return subprocess.CompletedProcess(process.args, process.returncode, stdout, stderr)


FORK_PROGRAMS = """
import contextlib, json, os, resource, sys, time
import dask, scipy.ndimage, skimage.transform
import distributed.cli.dask_scheduler, distributed.cli.dask_worker
import digit_sequence.building.programs
import digit_sequence.cli.build, digit_sequence.cli.new, digit_sequence.cli.status
import digit_sequence.cli.verify
import digit_sequence.cli.program
import digit_sequence.building.preload
with contextlib.suppress(ImportError):  # a second of each build
    import digit_sequence.codec.deflate_kernels, digit_sequence.render.kernels

PROGRAMS = {
    "digit-sequence": digit_sequence.cli.program.main,
    "scheduler": distributed.cli.dask_scheduler.main,
    "worker": distributed.cli.dask_worker.main,
}

def run(program, arguments, output, folder, terminal, file_bytes, environment):
    os.setsid()
    os.environ.update(environment)
    if terminal:  # the first that a session opens is the one whose Ctrl-C it gets
        os.dup2(os.open(terminal, os.O_RDWR), 0)
    for descriptor, name in ((1, "out"), (2, "err")):
        path = terminal or f"{output}.{name}"
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), descriptor)
    if file_bytes:
        resource.setrlimit(resource.RLIMIT_FSIZE, (file_bytes, file_bytes))
    os.chdir(folder)
    try:
        PROGRAMS[program](arguments)
    except SystemExit as end:
        return end.code or 0
    return 1

def wait(child, seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found, status = os.waitpid(child, os.WNOHANG)
        if found:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.005)
    return 1000

for line in sys.stdin:
    request = json.loads(line)
    if "child" in request:
        print(wait(**request), flush=True)
        continue
    child = os.fork()
    if not child:
        code = 1
        try:
            code = run(**request)
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)
    print(child, flush=True)
"""


class Forks:
    """Starts programs many times: by forks of a process that has imported everything.

    What is installed in another folder of packages, the site, is in reach as well.
    """

    def __init__(self, folder: Path, site: Path | None = None) -> None:
        self._folder = folder
        self._count = 0
        self._process = start_python(
            *("-c", FORK_PROGRAMS),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={
                "PYTHONPATH": os.pathsep.join(map(str, filter(None, (ROOT / "pipeline", site)))),
                "DIGIT_SEQUENCE_CACHE": str(folder / "cache"),
                "OPENBLAS_NUM_THREADS": "1",
            },
        )

    def start(
        self,
        *arguments: object,
        program: str = "digit-sequence",
        folder: Path | None = None,
        terminal: str | None = None,
        file_bytes: int | None = None,
        env: dict[str, str] | None = None,
    ) -> Fork:
        """Start a command in a session of its own, on a terminal, or on a full disk."""
        self._count += 1
        output = self._folder / str(self._count)
        child = self.ask(
            program=program,
            arguments=list(map(str, arguments)),
            output=str(output),
            folder=str(folder or self._folder),
            terminal=terminal,
            file_bytes=file_bytes,
            environment=env or {},
        )
        return Fork(self, child, output)

    def run(self, *arguments: object, **options: Any) -> subprocess.CompletedProcess[str]:
        """Run the command line in a process of its own, to its end."""
        child = self.start(*arguments, **options)
        code = child.wait()
        return subprocess.CompletedProcess(arguments, code, child.read("out"), child.read("err"))

    def ask(self, **request: object) -> int:
        """Let the process fork or wait."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())

    def stop(self) -> None:
        """End the process that forks."""
        self._process.communicate(timeout=60)


class Fork:
    """One of its forks."""

    def __init__(self, forks: Forks, pid: int, output: Path) -> None:
        self.pid = pid
        self._forks = forks
        self._output = output
        self._code: int | None = None

    def send_signal(self, number: int) -> None:
        """Send a signal to it, unless it has ended."""
        if self._code is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """Kill it, and all processes of its session."""
        if self._code is None:
            with contextlib.suppress(ProcessLookupError):  # it is just about to begin
                os.killpg(self.pid, signal.SIGKILL)
                return
            os.kill(self.pid, signal.SIGKILL)

    def wait(self, seconds: float = 120) -> int:
        """Wait for its end, and return its exit code, or minus the signal that has killed it."""
        if self._code is None:
            code = self._forks.ask(child=self.pid, seconds=seconds)
            assert code != 1000, f"runs for more than {seconds} s"
            self._code = code
        return self._code

    def read(self, stream: str = "err") -> str:
        """Return what it has printed on `out` or `err`."""
        return Path(f"{self._output}.{stream}").read_text()


class Cluster:
    """A Dask scheduler and its workers: processes that share no folder with each other or us."""

    def __init__(
        self,
        folder: Path,
        forks: Forks | None = None,
        environment: dict[str, str] | None = None,
        protocol: str = "tcp",
    ) -> None:
        folder.mkdir(exist_ok=True)
        self._folder = folder
        self._forks = forks
        self._environment = environment or {}
        self._protocol = protocol
        self._processes: list[Any] = []
        self.workers: list[Any] = []
        self.file = folder / "scheduler.json"
        self.scheduler = self._start("scheduler", "--port", 0, "--scheduler-file", self.file)
        end = time.monotonic() + START_SECONDS
        while not self.file.exists() or not self.file.read_text():
            assert time.monotonic() < end
            time.sleep(0.02)
        self.address: str = json.loads(self.file.read_text())["address"]

    def start_worker(self, *options: object, **environment: str) -> Any:
        """Start a worker of one thread, and return its process."""
        worker = self._start(
            *("worker", self.address, "--nthreads", 1, "--no-nanny", *options), **environment
        )
        self.workers.append(worker)
        return worker

    def wait_for_workers(self, count: int) -> None:
        """Wait until this many workers are there."""
        from distributed import Client

        with Client(self.address) as client:
            client.wait_for_workers(count, timeout=START_SECONDS)

    def _start(self, program: str, *arguments: object, **environment: str) -> Any:
        home = self._folder / f"{program}-{len(self._processes)}"
        home.mkdir()
        arguments = (
            *(*arguments, "--host", "127.0.0.1", "--protocol", self._protocol),
            *("--dashboard-address", "127.0.0.1:0"),
        )
        environment = self._environment | environment
        process: Any
        homes = dict.fromkeys(("HOME", "TMPDIR", "DIGIT_SEQUENCE_CACHE"), str(home))
        environment = homes | environment
        if self._forks and "PYTHONPATH" not in environment:  # which is read at the very start
            process = self._forks.start(*arguments, program=program, folder=home, env=environment)
        else:
            process = start_python(
                *("-m", "dask", program, *arguments),
                cwd=home,
                env=environment,
                stderr=subprocess.DEVNULL,
            )
        self._processes.append(process)
        return process

    def stop(self) -> None:
        """Kill the processes that were started."""
        for process in self._processes:
            process.kill()
            process.wait()


@contextlib.contextmanager
def open_cluster(
    folder: Path, n_workers: int, *arguments: Any, **options: Any
) -> Iterator[Cluster]:
    """Run a cluster; further arguments are those of `Cluster`."""
    cluster = Cluster(folder, *arguments, **options)
    try:
        for _ in range(n_workers):
            cluster.start_worker()
        yield cluster
    finally:
        cluster.stop()
