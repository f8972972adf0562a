"""Real servers on loopback, for tests: an object store, and a proxy with faults."""

from __future__ import annotations

import http.client
import json
import multiprocessing
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from pyarrow import fs

START_SECONDS = 60
ACCESS_KEY, SECRET_KEY = "AKIDNOTWRITTENDOWN", "SKDNOTWRITTENDOWNEITHER"
"""Of the identity that may read and write the bucket, and no more."""
_ADMIN_KEYS = ("AKIDOFTHEADMIN", "SKDOFTHEADMIN")
BUCKET = "lab"


def find_ports(count: int) -> list[int]:
    """Return free ports of the loopback interface."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()


def wait_until(is_met: Callable[[], object], seconds: float = START_SECONDS) -> None:
    """Wait until a condition is met; fail if it takes too long."""
    end = time.monotonic() + seconds
    while not is_met():
        assert time.monotonic() < end, f"not within {seconds} s"
        time.sleep(0.02)


# -- drivers --------------------------------------------------------------------------------------

_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(
    [
        "digit_sequence.building.preload",
        "digit_sequence.building.programs",
        "digit_sequence.cli.build",
        "digit_sequence.cli.program",
        "digit_sequence.cli.verify",
        "distributed",
    ]
)


class Driver:
    """The command line in a process of its own, which takes no time to start."""

    def __init__(self, log: Path, *arguments: object) -> None:
        self._log = log
        environment = {
            name: value
            for name, value in os.environ.items()
            if name.startswith(("AWS_", "DASK_", "DIGIT_SEQUENCE_"))
        }
        words = list(map(str, arguments))
        self._process = _FORKS.Process(target=_drive, args=(log, environment, words))
        self._process.start()

    @property
    def is_running(self) -> bool:
        """Whether it has not ended."""
        return self._process.is_alive()

    def send_signal(self, number: int) -> None:
        """Send a signal to it alone."""
        assert self._process.pid is not None
        os.kill(self._process.pid, number)

    def kill(self) -> None:
        """Kill it and all processes that it has started."""
        wait_until(self._leads_group)
        if self._process.pid is not None and self.is_running:
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.join()

    def _leads_group(self) -> bool:
        assert self._process.pid is not None
        return not self.is_running or os.getpgid(self._process.pid) == self._process.pid

    def wait(self, seconds: float = 120) -> tuple[int, str]:
        """Wait for its end; return its exit code and all that it has written."""
        self._process.join(seconds)
        if self.is_running:
            self.kill()
            raise AssertionError(f"not within {seconds} s: {self._log.read_text()}")
        assert self._process.exitcode is not None
        return self._process.exitcode, self._log.read_text()


def _drive(log: Path, environment: dict[str, str], arguments: list[str]) -> None:
    os.setsid()
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})  # by `start_fork_server`
    with log.open("wb") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    os.environ.update(environment)
    from digit_sequence.cli.program import main

    main(arguments)


# -- object store ---------------------------------------------------------------------------------


class ObjectStore:
    """SeaweedFS with an S3 server, in one process, on ports of its own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        servers = ("master", "volume", "filer", "s3")
        ports = find_ports(2 * len(servers))
        self.endpoint = f"127.0.0.1:{ports[-2]}"
        options = {f"{name}.port": port for name, port in zip(servers, ports[::2], strict=True)}
        options |= {
            f"{name}.port.grpc": port for name, port in zip(servers, ports[1::2], strict=True)
        }
        options |= {f"{name}.localSocket": folder / name for name in ("filer", "s3")}
        options |= {"s3.port.iceberg": 0, "s3.port.lance": 0, "s3.config": folder / "s3.json"}
        options |= {"master.telemetry": "false", "master.volumeSizeLimitMB": 64, "volume.max": 50}
        self._options = [f"-{name}={value}" for name, value in options.items()]
        (folder / "files").mkdir()
        (folder / "s3.json").write_text(json.dumps({"identities": self._identities()}))
        self._process: subprocess.Popen[bytes] | None = None

    @staticmethod
    def _identities() -> list[dict[str, Any]]:
        def identity(name: str, keys: tuple[str, str], actions: list[str]) -> dict[str, Any]:
            access_key, secret_key = keys
            credentials = [{"accessKey": access_key, "secretKey": secret_key}]
            return {"name": name, "credentials": credentials, "actions": actions}

        allowed = [f"{action}:{BUCKET}" for action in ("Read", "Write", "List", "Tagging")]
        return [
            identity("admin", _ADMIN_KEYS, ["Admin", "Read", "Write", "List"]),
            identity("builder", (ACCESS_KEY, SECRET_KEY), allowed),
        ]

    @property
    def environment(self) -> dict[str, str]:
        """What a program needs to reach it."""
        return {
            "AWS_ACCESS_KEY_ID": ACCESS_KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
            "AWS_ENDPOINT_URL": f"http://{self.endpoint}",
        }

    def connect(self, keys: tuple[str, str] = (ACCESS_KEY, SECRET_KEY)) -> fs.S3FileSystem:
        """Return a client that does not wait long."""
        return fs.S3FileSystem(
            access_key=keys[0],
            secret_key=keys[1],
            endpoint_override=self.endpoint,
            scheme="http",
            region="us-east-1",
            allow_bucket_creation=True,
            retry_strategy=fs.AwsStandardS3RetryStrategy(max_attempts=1),
        )

    def start(self) -> None:
        """Start, or start again, and wait until it takes objects."""
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    *(Path(sys.executable).with_name("weed"), "server", "-filer", "-s3"),
                    *("-ip=127.0.0.1", "-ip.bind=127.0.0.1", f"-dir={self._folder / 'files'}"),
                    *self._options,
                ],
                cwd=self._folder,
                env=os.environ | {"HOME": str(self._folder)},
                stdout=log,
                stderr=log,
            )
        wait_until(self._is_up)

    def _is_up(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, (self._folder / "log").read_text()[-2000:]
        try:
            admin = self.connect(_ADMIN_KEYS)
            admin.create_dir(BUCKET)
            with admin.open_output_stream(f"{BUCKET}/up") as file:
                file.write(b"1")
            self.connect().delete_file(f"{BUCKET}/up")
        except OSError:
            return False
        return True

    def kill(self) -> None:
        """Kill it, if it runs."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def suspend(self, is_suspended: bool) -> None:
        """Stop it from answering, or let it answer again."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP if is_suspended else signal.SIGCONT)

    def read_tree(self, folder: str) -> dict[str, bytes]:
        """Return every object of a folder of the bucket, by its path in the folder."""
        files, root = self.connect(), f"{BUCKET}/{folder}".rstrip("/")
        found = files.get_file_info(fs.FileSelector(root, recursive=True, allow_not_found=True))
        tree = {}
        for info in found:
            if info.type == fs.FileType.File:
                with files.open_input_file(info.path) as file:
                    tree[info.path[len(root) + 1 :]] = file.read()
        return tree

    def count(self, folder: str) -> int:
        """Return how many objects a folder of the bucket has."""
        selector = fs.FileSelector(f"{BUCKET}/{folder}", recursive=True, allow_not_found=True)
        found = self.connect().get_file_info(selector)
        return sum(info.type == fs.FileType.File for info in found)


@contextmanager
def open_store(folder: Path) -> Iterator[ObjectStore]:
    """Run an object store."""
    store = ObjectStore(folder)
    try:
        store.start()
        yield store
    finally:
        store.kill()
        shutil.rmtree(folder, ignore_errors=True)


Fault = Callable[[int, str], str | None]
"""Of the count of a request and of its method: None, or what happens to it."""


class Proxy(ThreadingHTTPServer):
    """Stands between a client and a store, and keeps a list of all requests.

    A request is passed on, or answered with an error ("503"), or its connection is closed before
    it is passed on ("reset"), or after the store has done it ("lost").
    """

    daemon_threads = True

    def __init__(self, endpoint: str, choose_fault: Fault) -> None:
        super().__init__(("127.0.0.1", 0), _ProxyHandler)
        self.requests: list[str] = []
        self._lock = threading.Lock()
        self._choose_fault = choose_fault
        self._store = endpoint

    @property
    def endpoint(self) -> str:
        """Address of the proxy."""
        return f"127.0.0.1:{self.server_port}"

    def note(self, command: str, request: str) -> str | None:
        """Note a request; return the fault it is due."""
        with self._lock:
            self.requests.append(request)
            return self._choose_fault(len(self.requests), command)

    def ask(
        self, command: str, path: str, headers: dict[str, str], body: bytes
    ) -> tuple[http.client.HTTPResponse, bytes]:
        """Pass a request on to the store."""
        store = http.client.HTTPConnection(self._store, timeout=30)
        try:
            store.request(command, path, body, headers)
            answer = store.getresponse()
            return answer, answer.read()
        finally:
            store.close()


class _ProxyHandler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Proxy

    def _pass_on(self) -> None:
        body = self._read_body()
        copied = " copied" if "x-amz-copy-source" in self.headers else ""
        fault = self.server.note(self.command, f"{self.command} {self.path}{copied}")
        if fault and fault.isdigit():
            self._answer(int(fault), [], b"")
            return
        if fault != "reset":
            headers = {
                name: value
                for name, value in self.headers.items()
                if name.lower() not in ("transfer-encoding", "expect")
            }
            answer, content = self.server.ask(self.command, self.path, headers, body)
        if fault in ("reset", "lost"):
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        self._answer(answer.status, answer.getheaders(), content)

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _pass_on  # noqa: N815

    def _read_body(self) -> bytes:
        if "chunked" not in self.headers.get("Transfer-Encoding", ""):
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = b""
        while n_bytes := int(self.rfile.readline(), 16):
            body += self.rfile.read(n_bytes)
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass  # trailers
        return body

    def _answer(self, status: int, headers: list[tuple[str, str]], content: bytes) -> None:
        self.send_response_only(status)
        length = {"content-length": str(len(content))}  # but for HEAD, which tells the object's
        for name, value in (length | {name.lower(): value for name, value in headers}).items():
            if name not in ("transfer-encoding", "connection"):
                self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_arguments: Any) -> None:
        """Say nothing."""


@contextmanager
def open_proxy(endpoint: str, choose_fault: Fault) -> Iterator[Proxy]:
    """Run a proxy."""
    with Proxy(endpoint, choose_fault) as proxy:
        thread = threading.Thread(target=proxy.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield proxy
        finally:
            proxy.shutdown()
            thread.join()
