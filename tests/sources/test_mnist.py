"""The full MNIST: its files, its mirrors and their faults."""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from digit_sequence.base.errors import SourceError
from digit_sequence.sources import download as downloads
from digit_sequence.sources import mnist
from digit_sequence.sources.mnist import MnistFile, MnistSettings
from digit_sequence.sources.registry import list_files, read_source
from glyph_files import encode_idx, make_glyphs

REAL_MNIST = Path(__file__).parents[2] / "../shared/mnist"
TRAIN_COUNTS = [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
TEST_COUNTS = [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]


@pytest.fixture
def contents(monkeypatch):
    """Four small files in place of the originals, by name."""
    train, test = make_glyphs(20, seed=1), make_glyphs(10, seed=2)
    arrays = [train[0], train[1], test[0], test[1]]
    names = [file.name for file in mnist.MNIST_FILES]
    contents = {name: encode_idx(array) for name, array in zip(names, arrays, strict=True)}
    files = tuple(
        MnistFile(name, len(content), hashlib.sha256(content).hexdigest())
        for name, content in contents.items()
    )
    monkeypatch.setattr(mnist, "MNIST_FILES", files)
    return contents


def send(request, body, headers=()):
    """Answer with a body, and with its length unless `headers` have another."""
    request.send_response(200)
    for key, value in ({"Content-Length": str(len(body))} | dict(headers)).items():
        request.send_header(key, value)
    request.end_headers()
    request.wfile.write(body)


def send_drip(request, content):
    """Send one byte now and then, each well within the timeout of a read."""
    request.send_response(200)
    request.send_header("Content-Length", "100000")
    request.end_headers()
    while not request.server.stop.wait(0.05):
        request.wfile.write(b"\x1f")


def send_dripping_header(request, content):
    """Send the status line and then a header that does not end."""
    request.wfile.write(b"HTTP/1.0 200 OK\r\nX-Drip: ")
    while not request.server.stop.wait(0.05):
        request.wfile.write(b".")


MIRRORS = {
    "good": lambda request, content: send(request, gzip.compress(content)),
    "recompressed": lambda request, content: send(request, gzip.compress(content, 1, mtime=7)),
    "encoded": lambda request, content: send(
        request, gzip.compress(content), {"Content-Encoding": "gzip"}
    ),
    "aborted": lambda request, content: send(
        request, gzip.compress(content)[:40], {"Content-Length": "100"}
    ),
    "truncated": lambda request, content: send(request, gzip.compress(content)[:-9]),
    "wrong": lambda request, content: send(request, gzip.compress(content[:-1] + b"\n")),
    "long": lambda request, content: send(request, gzip.compress(content + bytes(400_000))),
    "oversized": lambda request, content: send(request, bytes(10_000_000)),
    "page": lambda request, content: send(request, b"<html>Log in to this network</html>"),
    "no-length": lambda request, content: send(request, b"", {"Content-Length": "many"}),
    "missing": lambda request, content: request.send_error(404),
    "slow": lambda request, content: request.server.stop.wait(30),
    "drip": send_drip,
    "drip-header": send_dripping_header,
}


class MirrorHandler(BaseHTTPRequestHandler):
    """Answers `/BEHAVIOUR/FILE.gz`."""

    def do_GET(self):
        """Answer as the first part of the address says."""
        _, behaviour, name = self.path.split("/")
        content = self.server.contents[name.removesuffix(".gz")]
        with contextlib.suppress(OSError):  # the client has left
            MIRRORS[behaviour](self, content)

    def log_message(self, *args):
        """Stay silent."""


@pytest.fixture
def mirror(contents, monkeypatch):
    """Start a real server; return a function from a behaviour to the address of such a mirror."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with ThreadingHTTPServer(("127.0.0.1", 0), MirrorHandler) as server:
        server.contents, server.stop = contents, threading.Event()
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield lambda behaviour: f"http://127.0.0.1:{server.server_port}/{behaviour}/"
        server.stop.set()
        server.shutdown()
        thread.join()


def check_small_mnist(glyphs):
    """Compare glyphs with those that the fixture `contents` encodes."""
    train, test = make_glyphs(20, seed=1), make_glyphs(10, seed=2)
    np.testing.assert_array_equal(glyphs.images, np.concatenate([train[0], test[0]]))
    np.testing.assert_array_equal(glyphs.digits, np.concatenate([train[1], test[1]]))
    np.testing.assert_array_equal(glyphs.parts, [0] * 20 + [1] * 10)


@pytest.mark.parametrize("behaviour", ["good", "recompressed", "encoded"])
def test_mnist_is_downloaded_once(tmp_path, contents, mirror, behaviour):
    """Missing files come from the mirror, however compressed, and are then used as they are."""
    (tmp_path / "new").mkdir()
    source = MnistSettings(name="mnist", path=str(tmp_path / "new"), mirrors=(mirror(behaviour),))
    check_small_mnist(read_source(source))
    suffix = "" if behaviour == "encoded" else ".gz"
    names = {f"{name}{suffix}" for name in contents}
    assert {path.name for path in (tmp_path / "new").iterdir()} == names
    offline = source.model_copy(update={"mirrors": (mirror("missing"),)})
    check_small_mnist(read_source(offline))


def test_mnist_goes_into_the_cache(tmp_path, mirror, monkeypatch):
    """Without a path the files are kept in the folder that the environment names."""
    monkeypatch.setenv("DIGIT_SEQUENCE_CACHE", str(tmp_path))
    files = list_files(MnistSettings(name="mnist", mirrors=(mirror("good").rstrip("/"),)))
    assert [path.parent for path in files] == [tmp_path / "mnist"] * 4


def test_mistyped_folder_is_not_made(tmp_path, mirror):
    """A folder that is not there is an error: nothing is made, and nothing downloaded into it."""
    source = MnistSettings(name="mnist", path=str(tmp_path / "mnits"), mirrors=(mirror("good"),))
    with pytest.raises(SourceError, match=r"mnits: expected a folder, got none; .*source\.path"):
        list_files(source)
    assert not (tmp_path / "mnits").exists()


FAULTS = {
    "aborted": "http://.*: expected a file, got: .*",
    "truncated": "expected a readable file, got: Compressed file ended",
    "wrong": "expected sha256 [0-9a-f]{64} when decompressed, got [0-9a-f]{64}",
    "long": "expected 516 bytes when decompressed, got more",
    "oversized": "got: OSError: more than 1,521 bytes",
    "page": "expected 516 bytes when decompressed, got 35",
    "no-length": "expected a file, got: ",
    "missing": "got: HTTPError: 404",
    "slow": "got: ReadTimeout|got: ConnectionError",
    "drip": "an incomplete file after 0.8 seconds",
    "drip-header": "an incomplete file after 0.8 seconds",
}


LIMITS = {
    "slow": ("STALL_SECONDS", 0.4),
    "drip": ("DOWNLOAD_SECONDS", 0.8),
    "drip-header": ("DOWNLOAD_SECONDS", 0.8),
}


@pytest.mark.parametrize(("behaviour", "failure"), FAULTS.items(), ids=FAULTS)
def test_faulty_mirror_is_passed_over(tmp_path, mirror, monkeypatch, behaviour, failure):
    """A fault of one mirror is met by the next; without one, it is reported and nothing is kept."""
    source = MnistSettings(name="mnist", path=str(tmp_path), mirrors=(mirror(behaviour),))
    if behaviour in LIMITS:
        monkeypatch.setattr(downloads, *LIMITS[behaviour])
    start = time.monotonic()
    with pytest.raises(SourceError, match=failure):
        read_source(source)
    assert time.monotonic() - start < 10
    assert not list(tmp_path.iterdir())
    if behaviour not in LIMITS:  # the others would take their time for each file
        both = source.model_copy(update={"mirrors": (mirror(behaviour), mirror("good"))})
        check_small_mnist(read_source(both))


def test_all_mirrors_down(tmp_path, contents, mirror):
    """The error names every mirror and its failure, the folder, the files and the way round."""
    nobody = "http://127.0.0.1:1/"  # no server may have this port
    nowhere = "http://mirror.invalid/"  # no name may end so
    mirrors = (mirror("missing"), nobody, nowhere, "ftp://127.0.0.1/", "no address")
    with pytest.raises(SourceError) as caught:
        read_source(MnistSettings(name="mnist", path=str(tmp_path), mirrors=mirrors))
    message = str(caught.value)
    for part in (*mirrors, *contents, str(tmp_path), "404", "source.name: mnist-5k"):
        assert part in message
    assert len(message.splitlines()) == 2 + len(mirrors)
    assert "train-images-idx3-ubyte.gz: expected a file, got: ConnectionError: Conn" in message
    assert "Pool" not in message  # that much urllib3 would tell
    assert max(map(len, message.splitlines()[1:-1])) < 200


def test_download_into_an_unwritable_folder(tmp_path, mirror):
    """The error names the folder, the key and the environment variable."""
    (tmp_path / "file").write_bytes(b"")
    source = MnistSettings(
        name="mnist", path=str(tmp_path / "file/mnist"), mirrors=(mirror("good"),)
    )
    with pytest.raises(SourceError, match=r"file.mnist: .*source\.path.*DIGIT_SEQUENCE_CACHE"):
        read_source(source)


@pytest.mark.parametrize("suffix", ["", ".gz"])
@pytest.mark.parametrize("separator", ["-", "."])
def test_mnist_file_names(tmp_path, contents, separator, suffix):
    """Files are found plain and gzipped, under both spellings."""
    for name, content in contents.items():
        spelt = name.replace("-idx", f"{separator}idx") + suffix
        (tmp_path / spelt).write_bytes(gzip.compress(content) if suffix else content)
    check_small_mnist(read_source(MnistSettings(name="mnist", path=str(tmp_path))))


@pytest.mark.parametrize(
    ("damage", "got"),
    [
        (lambda content: content[:-1], "expected 516 bytes when decompressed, got 515"),
        (lambda content: content + b"\0", "expected 516 bytes when decompressed, got more"),
        (lambda content: content[:-1] + b"\0", "expected sha256 .* got"),
        (lambda content: gzip.compress(content)[:-4], "expected a readable file"),
        (lambda content: b"", "expected 516 bytes when decompressed, got 0"),
    ],
)
def test_damaged_mnist_file_stays(tmp_path, contents, damage, got):
    """A damaged file is an error that names it and says what to do; it is not deleted."""
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    path = tmp_path / "train-images-idx3-ubyte"
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(SourceError, match=f"{path.name}: {got}.*; delete it"):
        read_source(MnistSettings(name="mnist", path=str(tmp_path)))
    assert path.exists()


@pytest.mark.skipif(
    not (REAL_MNIST / "t10k-images-idx3-ubyte.gz").is_file(),
    reason="needs the four files of MNIST in ../shared/mnist",
)
def test_real_mnist():
    """The real files have the known counts by class, and train comes before t10k."""
    glyphs = read_source(MnistSettings(name="mnist", path=str(REAL_MNIST)))
    assert glyphs.images.shape == (70_000, 28, 28)
    assert np.bincount(glyphs.digits[:60_000]).tolist() == TRAIN_COUNTS
    assert np.bincount(glyphs.digits[60_000:]).tolist() == TEST_COUNTS
    assert glyphs.parts[:60_000].max() == 0
    assert glyphs.parts[60_000:].min() == 1
    assert glyphs.digits[:5].tolist() == [5, 0, 4, 1, 9]
