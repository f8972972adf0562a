"""Sources whose files hold arrays or tables: npz, csv, parquet, emnist, qmnist; files for test."""

from __future__ import annotations

import gzip
import io
import re
import struct
import tracemalloc
import zipfile
from pathlib import Path
from typing import Any

import imageio.v3 as iio
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from digit_sequence.base.characters import CHARACTERS
from digit_sequence.base.errors import SourceError
from digit_sequence.config.model import Config
from digit_sequence.sources.bank_cache import load_bank
from digit_sequence.sources.pools import partition_glyphs
from digit_sequence.sources.registry import read_source
from digit_sequence.sources.source import RawGlyphs
from glyph_files import encode_idx, make_glyphs

IMAGES, DIGITS = make_glyphs(30)
TEST_IMAGES, TEST_DIGITS = make_glyphs(20, seed=1)
BOTH = np.concatenate([IMAGES, TEST_IMAGES])


def make_settings(**block: Any) -> Any:
    """Return a block `source` as a config has it."""
    field = Config.model_fields["source"]
    return TypeAdapter(field.rebuild_annotation()).validate_python(block)


def read(**block: Any) -> RawGlyphs:
    """Read the glyphs of a block `source`."""
    return read_source(make_settings(**block))


def encode_csv(images: Any, digits: Any, header: bool = True, last: bool = False) -> bytes:
    """Return a CSV file of images."""
    rows = [[digit, *image.ravel()] for image, digit in zip(images, digits, strict=True)]
    names = ["label", *(f"pixel{place}" for place in range(images[0].size))]
    lines = [names, *rows] if header else rows
    if last:
        lines = [[*line[1:], line[0]] for line in lines]
    return "".join(",".join(map(str, line)) + "\n" for line in lines).encode()


def encode_image(image: Any) -> bytes:
    """Return an image file."""
    content: bytes = iio.imwrite("<bytes>", image, extension=".png", plugin="pillow")
    return content


def make_table(images: Any, digits: Any, **names: str) -> pa.Table:
    """Return a table as the hub has it."""
    column = [{"bytes": encode_image(image), "path": None} for image in images]
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    return pa.table(
        {
            names.get("image", "image"): pa.array(column, kind),
            names.get("label", "label"): pa.array(digits, pa.int64()),
            "other": [0] * len(digits),
        }
    )


def write_arrow(path: Path, table: pa.Table, is_file: bool) -> None:
    """Write an Arrow stream or file."""
    with (pa.ipc.new_file if is_file else pa.ipc.new_stream)(str(path), table.schema) as writer:
        writer.write_table(table)


def check_both(glyphs: RawGlyphs) -> None:
    """Compare glyphs with those of train, then those of test."""
    np.testing.assert_array_equal(glyphs.images, BOTH)
    assert glyphs.digits.tolist() == [*DIGITS, *TEST_DIGITS]
    assert glyphs.parts.tolist() == [0] * 30 + [1] * 20


# -- .npz ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_npz(tmp_path: Path, save: Any) -> None:
    """A file in the form of Keras is read whole; labels may be of any integers."""
    path = tmp_path / "mnist.npz"
    labels = {"y_train": DIGITS, "y_test": TEST_DIGITS.astype(np.uint8)}
    save(path, x_train=IMAGES, x_test=TEST_IMAGES, **labels)
    check_both(read(name="npz", path=str(path)))
    save(path, x_train=IMAGES, y_train=DIGITS)
    assert not read(name="npz", path=str(path)).parts.any()


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"images": IMAGES}, "expected an array x_train, got none; give a file as numpy.savez"),
        ({"x_train": IMAGES}, "expected an array y_train"),
        ({"x_train": IMAGES, "y_train": DIGITS, "x_test": IMAGES}, "expected an array y_test"),
        ({"x_train": IMAGES / 255, "y_train": DIGITS}, "integers in C order, got float64"),
        ({"x_train": IMAGES.astype(int), "y_train": DIGITS}, "expected uint8 images"),
        ({"x_train": IMAGES[..., None], "y_train": DIGITS}, "expected uint8 images"),
        ({"x_train": IMAGES, "y_train": DIGITS[:-1]}, "expected 30 labels, got 29"),
        ({"x_train": IMAGES, "y_train": DIGITS + 5}, "row 5: expected a digit 0-9, got 10"),
        ({"x_train": IMAGES * 0, "y_train": DIGITS}, "row 0: expected a glyph with ink"),
        ({"x_train": IMAGES[:0], "y_train": DIGITS[:0]}, "expected at least one image, got 0"),
        ({"x_train": IMAGES, "y_train": DIGITS.astype(object)}, "integers in C order, got object"),
        (
            {
                "x_train": IMAGES,
                "y_train": DIGITS,
                "x_test": BOTH[:, :4],
                "y_test": np.arange(50) % 10,
            },
            "expected images of one size, got 4 x 5 and 5 x 5",
        ),
    ],
)
def test_bad_npz(tmp_path: Path, arrays: dict[str, Any], message: str) -> None:
    """Arrays that are missing, of another type or shape are named."""
    path = tmp_path / "mnist.npz"
    np.savez(path, **arrays)
    with pytest.raises(SourceError, match=re.escape(message)):
        read(name="npz", path=str(path))


def test_npz_reserves_no_memory(tmp_path: Path) -> None:
    """A header that declares more than its member can hold costs nothing."""
    path = tmp_path / "mnist.npz"
    header = io.BytesIO()
    kind = {"descr": "|u1", "fortran_order": False, "shape": (2**31 - 1, 256, 256)}
    np.lib.format.write_array_header_1_0(header, kind)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in ("x_train", "y_train"):
            archive.writestr(f"{name}.npy", header.getvalue() + bytes(10))
    tracemalloc.start()
    with pytest.raises(SourceError, match="got a header that declares 140,737,488,289,792"):
        read(name="npz", path=str(path))
    assert tracemalloc.get_traced_memory()[1] < 3_000_000
    tracemalloc.stop()


# -- CSV -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("last", [False, True])
@pytest.mark.parametrize("compress", [bytes, gzip.compress])
def test_csv(tmp_path: Path, last: bool, compress: Any) -> None:
    """A file of Kaggle's and one for test are read in order, gzipped or not."""
    (tmp_path / "train.csv").write_bytes(compress(encode_csv(IMAGES, DIGITS, last=last)))
    test = encode_csv(TEST_IMAGES, TEST_DIGITS, header=False).replace(b"\n", b"\r\n")
    (tmp_path / "test.csv").write_bytes(test)
    paths = {key: str(tmp_path / f"{name}.csv") for key, name in PATHS.items()}
    check_both(read(name="csv", **paths))
    assert make_settings(name="csv", **paths).name == "csv"


PATHS = {"path": "train", "test_path": "test"}
GOOD_CSV = encode_csv(IMAGES, DIGITS)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "expected one column label, got ''"),
        (GOOD_CSV.replace(b"label", b"digit"), "expected one column label, got 'digit', 'pixel0'"),
        (b"label\n1\n", "expected a label and the pixels of a square"),
        (b"label,a,b\n1,2,3\n", "a square, 256 rows at most, got 3 columns"),
        (b"label,a\n1,256\n", "expected whole numbers 0-255 in all columns"),
        (b"label,a\n1,-1\n", "expected whole numbers 0-255 in all columns"),
        (b"label,a\n1,0.5\n", "expected whole numbers 0-255 in all columns"),
        (b"label,a\n1,\n", "expected whole numbers 0-255"),
        (b"label,a\n1\n", "expected whole numbers 0-255 in all columns"),
        (b"label,a\n", "expected whole numbers 0-255, got no row"),
        (b"label,a\n11,3\n", "row 0: expected a digit 0-9, got 11; leave the row out"),
        (b"label,a\n1,0\n", "row 0: expected a glyph with ink"),
        (b"label,a\n1,\xff\n", "expected whole numbers 0-255"),
        (gzip.compress(GOOD_CSV)[:-9], "expected a readable file"),
    ],
)
def test_bad_csv(tmp_path: Path, content: bytes, message: str) -> None:
    """A file of something else is an error with its name, what was expected and what it has."""
    path = tmp_path / "train.csv"
    path.write_bytes(content)
    with pytest.raises(SourceError, match=re.escape(message)) as caught:
        read(name="csv", path=str(path))
    assert str(path) in str(caught.value)


# -- Parquet and Arrow -----------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["parquet", "arrow file", "arrow stream"])
def test_tables(tmp_path: Path, kind: str) -> None:
    """A table of the hub and one for test are read in order, whatever holds them."""
    for name, images, digits in (("train", IMAGES, DIGITS), ("test", TEST_IMAGES, TEST_DIGITS)):
        table = make_table([np.kron(image, np.ones((2, 2), np.uint8)) for image in images], digits)
        if kind == "parquet":
            pq.write_table(table, tmp_path / name, row_group_size=7)
        else:
            write_arrow(tmp_path / name, table, kind == "arrow file")
    paths = {key: str(tmp_path / name) for key, name in PATHS.items()}
    glyphs = read(name="parquet", size=10, **paths)
    np.testing.assert_array_equal(glyphs.images[:, ::2, ::2], BOTH)
    assert glyphs.parts.tolist() == [0] * 30 + [1] * 20
    assert glyphs.digits.tolist() == [*DIGITS, *TEST_DIGITS]


def test_long_table(tmp_path: Path) -> None:
    """Rows of a batch are read part by part, each its own."""
    images, digits = make_glyphs(2500, side=8)
    table = make_table(images, digits, image="picture", label="digit").combine_chunks()
    write_arrow(tmp_path / "t", table, False)
    glyphs = read(name="parquet", path=str(tmp_path / "t"), size=8, image="picture", label="digit")
    np.testing.assert_array_equal(glyphs.images, images)
    assert glyphs.digits.tolist() == digits.tolist()


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (make_table(IMAGES, DIGITS, image="img"), "expected a column 'image', got 'img', 'label'"),
        (make_table(IMAGES, DIGITS, label="fine"), "expected a column 'label'"),
        (
            pa.table({"image": ["a"], "label": [1]}),
            "expected image files as binary, or as a struct",
        ),
        (pa.table({"image": [b"a"], "label": [1]}), "row 0: expected an image file, got: none of"),
        (
            make_table(IMAGES, DIGITS).set_column(1, "label", [DIGITS / 2]),
            "expected digits 0-9 as integers, got double",
        ),
        (make_table(IMAGES, [*DIGITS[:-1], None]), "expected digits 0-9 as integers, got an empty"),
        (make_table(IMAGES, DIGITS - 1), "row 0: expected a digit 0-9, got -1"),
        (make_table(IMAGES * 0, DIGITS), "row 0: expected a glyph with ink"),
        (make_table(IMAGES, DIGITS)[:0], "expected at least one row, got none"),
        (
            pa.table({"image": pa.array([None], pa.binary()), "label": [1]}),
            "row 0: expected the bytes of an image, got none",
        ),
    ],
)
def test_bad_tables(tmp_path: Path, table: pa.Table, message: str) -> None:
    """Columns that lack, of other types or with no image are named with the keys that mend it."""
    pq.write_table(table, tmp_path / "t")
    with pytest.raises(SourceError, match=re.escape(message)) as caught:
        read(name="parquet", path=str(tmp_path / "t"))
    assert str(tmp_path / "t") in str(caught.value)


TABLE_FILES = {}
for _kind in ("parquet", "arrow file", "arrow stream"):
    _sink = pa.BufferOutputStream()
    _table = make_table(IMAGES[:10], DIGITS[:10])
    if _kind == "parquet":
        pq.write_table(_table, _sink)
    else:
        with (pa.ipc.new_file if "file" in _kind else pa.ipc.new_stream)(
            _sink, _table.schema
        ) as _writer:
            _writer.write_table(_table)
    TABLE_FILES[_kind] = _sink.getvalue().to_pybytes()
_buffer = io.BytesIO()
np.savez_compressed(_buffer, x_train=IMAGES, y_train=DIGITS)
FILES = {"csv": {"csv": GOOD_CSV}, "npz": {"npz": _buffer.getvalue()}, "parquet": TABLE_FILES}


@pytest.mark.parametrize(
    ("name", "content"),
    [(name, content) for name, contents in FILES.items() for content in contents.values()],
    ids=[f"{name} {kind}" for name, contents in FILES.items() for kind in contents],
)
@given(data=st.data())
@settings(max_examples=60)
def test_fuzzed(
    tmp_path_factory: pytest.TempPathFactory, name: str, content: bytes, data: st.DataObject
) -> None:
    """Whatever bytes a file has, it is read, or is a SourceError that names it."""
    place = data.draw(st.integers(0, len(content) - 1))
    change = data.draw(st.binary(max_size=6))
    cut = data.draw(st.booleans())
    path = tmp_path_factory.mktemp("fuzz") / "file"
    path.write_bytes(content[:place] + change + (b"" if cut else content[place + len(change) :]))
    try:
        glyphs = read(name=name, path=str(path))
    except SourceError as error:
        assert str(path) in str(error)  # noqa: PT017 - either outcome is fine
    else:
        assert len(glyphs.images) == len(glyphs.digits)


# -- EMNIST and QMNIST -----------------------------------------------------------------------------


@pytest.mark.parametrize("compress", [bytes, gzip.compress])
def test_emnist(tmp_path: Path, compress: Any) -> None:
    """The four files are read, their images upright."""
    suffix = ".gz" if compress is gzip.compress else ""
    for part, images, digits in (
        ("train", IMAGES, DIGITS),
        ("test", TEST_IMAGES, TEST_DIGITS),
    ):
        for kind, array in (("images-idx3", images.transpose(0, 2, 1)), ("labels-idx1", digits)):
            path = tmp_path / f"emnist-digits-{part}-{kind}-ubyte{suffix}"
            path.write_bytes(compress(encode_idx(array)))
    check_both(read(name="emnist", path=str(tmp_path)))
    writers = np.arange(len(DIGITS) + len(TEST_DIGITS)) // 3
    (tmp_path / "writers").write_bytes(compress("\n".join(map(str, writers)).encode()))
    found = read(name="emnist", path=str(tmp_path), writers=str(tmp_path / "writers"))
    check_both(found)
    assert found.writers is not None
    assert found.writers.tolist() == writers.tolist()
    with pytest.raises(SourceError, match=r"expected a file, got none; see source.writers"):
        read(name="emnist", path=str(tmp_path), writers=str(tmp_path / "nobody"))
    with pytest.raises(SourceError, match=r"expected emnist-mnist-train-images-idx3-ubyte or"):
        read(name="emnist", path=str(tmp_path), subset="mnist")


@pytest.mark.parametrize(
    ("subset", "labels", "expected"),
    [
        ("byclass", [0, 9, 10, 35, 36, 61, 12, 3], "09AZC3"),
        ("bymerge", [0, 9, 10, 35, 36, 46, 12, 3], "09AZC3"),
        ("balanced", [0, 9, 10, 35, 36, 46, 12, 3], "09AZC3"),
        ("letters", [1, 26, 1, 2, 3, 4, 5, 6], "AZABCDEF"),
    ],
)
def test_emnist_with_letters(tmp_path: Path, subset: str, labels: list[int], expected: str) -> None:
    """Labels become characters; small letters are left out, with their images and writers."""
    images = np.zeros((8, 28, 28), np.uint8)
    images[np.arange(8), 2, 4 + np.arange(8)] = 255
    for part in ("train", "test"):
        for kind, array in (
            ("images-idx3", images.transpose(0, 2, 1)),
            ("labels-idx1", np.array(labels)),
        ):
            path = tmp_path / f"emnist-{subset}-{part}-{kind}-ubyte"
            path.write_bytes(encode_idx(array))
    (tmp_path / "writers").write_text("\n".join(map(str, range(16))))
    block = {"name": "emnist", "path": str(tmp_path), "subset": subset}
    found = read(**block, writers=str(tmp_path / "writers"))
    assert "".join(CHARACTERS[code] for code in found.digits) == 2 * expected
    assert found.parts.tolist() == [0] * len(expected) + [1] * len(expected)
    rows, columns = found.images.nonzero()[1:]
    assert set(rows) == {2}
    assert found.writers is not None
    assert ((columns - 4) == found.writers % 8).all()
    path.write_bytes(encode_idx(np.array([62] * 8)))
    with pytest.raises(SourceError, match=r"row 0: expected a label from 0 to \d\d, got 62"):
        read(**block)


def encode_labels(digits: Any, is_text: bool) -> bytes:
    """Return a label file of QMNIST."""
    rows = np.array([[digit, 4, 100 + digit, 0, 0, 0, 0, 0] for digit in digits])
    if is_text:
        return "".join("\t".join(map(str, row)) + "\n" for row in rows).encode()
    return struct.pack(">3I", 0xC02, *rows.shape) + rows.astype(">i4").tobytes()


@pytest.mark.parametrize("is_text", [False, True])
def test_qmnist(tmp_path: Path, is_text: bool) -> None:
    """Images of bytes go with labels of integers or of text."""
    ending = "labels.tsv" if is_text else "labels-idx2-int"
    for part, images, digits in (("train", IMAGES, DIGITS), ("test", TEST_IMAGES, TEST_DIGITS)):
        (tmp_path / f"qmnist-{part}-images-idx3-ubyte").write_bytes(encode_idx(images))
        content = gzip.compress(encode_labels(digits, is_text))
        (tmp_path / f"qmnist-{part}-{ending}.gz").write_bytes(content)
    glyphs = read(name="qmnist", path=str(tmp_path))
    check_both(glyphs)
    assert glyphs.writers is not None
    assert glyphs.writers.tolist() == (100 + glyphs.digits).tolist()


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        (
            "labels-idx2-int",
            encode_idx(DIGITS),
            "expected IDX of int32 with 8 columns (0x00000c02)",
        ),
        ("labels-idx2-int", encode_labels(DIGITS, False)[:-1], "expected 30 rows of labels"),
        ("labels-idx2-int", encode_labels(DIGITS[1:], False), "expected 30 labels, got 29"),
        ("labels-idx2-int", b"", "got 0x00000000"),
        ("labels.tsv", b"a\tb\n", "expected rows of numbers, got: invalid literal"),
        ("labels.tsv", b"\n", "expected rows of numbers"),
        ("labels.tsv", b"", "expected 30 labels, got 0"),
        ("labels.tsv", encode_labels(DIGITS[1:], True), "expected 30 labels, got 29"),
    ],
)
def test_bad_qmnist(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    """Labels of another form or number are refused."""
    for part in ("train", "test"):
        (tmp_path / f"qmnist-{part}-images-idx3-ubyte").write_bytes(encode_idx(IMAGES))
        (tmp_path / f"qmnist-{part}-{name}").write_bytes(content)
    with pytest.raises(SourceError, match=re.escape(message)):
        read(name="qmnist", path=str(tmp_path))


# -- files for test --------------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore::digit_sequence.base.errors.SourceWarning")
def test_idx_files_for_test(tmp_path: Path) -> None:
    """Digits of a pair for test are those of test, and none else."""
    paths = {}
    for key, array in (
        ("images", IMAGES),
        ("labels", DIGITS),
        ("test_images", TEST_IMAGES),
        ("test_labels", TEST_DIGITS),
    ):
        paths[key] = str(tmp_path / key)
        Path(paths[key]).write_bytes(encode_idx(array))
    block = make_settings(name="idx", test_fraction=0.5, **paths)
    check_both(read_source(block))
    (tmp_path / "writers").write_text("".join(f"{row // 2}\n" for row in range(50)))
    written = read(name="idx", writers=str(tmp_path / "writers"), **paths)
    assert written.writers is not None
    assert written.writers.tolist() == [row // 2 for row in range(50)]
    pools = partition_glyphs(load_bank(block), block)
    assert sorted(pools["test"].ids.tolist()) == list(range(30, 50))
    assert len(pools["val"].ids) == 10  # one of three for each digit
    with pytest.raises(ValidationError, match="expected test_labels beside the other file"):
        make_settings(
            name="idx", **{key: paths[key] for key in ("images", "labels", "test_images")}
        )
    Path(paths["test_images"]).write_bytes(encode_idx(TEST_IMAGES[:, :3]))
    with pytest.raises(SourceError, match="test_images: expected images of one size, got 3 x 5"):
        read_source(block)


@pytest.mark.filterwarnings("ignore::digit_sequence.base.errors.SourceWarning")
def test_folder_for_test(tmp_path: Path) -> None:
    """Digits of a folder for test are those of test, and none else."""
    for name, images, digits in (("path", IMAGES, DIGITS), ("test_path", TEST_IMAGES, TEST_DIGITS)):
        for row, (image, digit) in enumerate(zip(images, digits, strict=True)):
            path = tmp_path / name / str(digit) / f"{row:02d}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(encode_image(np.pad(image, 2)))
    paths = {key: str(tmp_path / key) for key in ("path", "test_path")}
    block = make_settings(name="folder", size=9, **paths)
    glyphs = read_source(block)
    assert glyphs.parts.tolist() == [0] * 30 + [1] * 20
    assert glyphs.digits.tolist() == sorted(DIGITS) + sorted(TEST_DIGITS)
    pools = partition_glyphs(load_bank(block), block)
    assert sorted(pools["test"].ids.tolist()) == list(range(30, 50))
    with pytest.raises(SourceError, match=r"got none; see source\.test_path"):
        read(name="folder", **(paths | {"test_path": str(tmp_path)}))


@pytest.mark.parametrize("name", ["csv", "npz", "parquet"])
def test_missing_file(tmp_path: Path, name: str) -> None:
    """A file that is not there is named with its key."""
    with pytest.raises(SourceError, match=r"no\.x: expected a file, got none; see source\.path"):
        read(name=name, path=str(tmp_path / "no.x"))
    with pytest.raises(SourceError, match=r"expected a file, got a folder; see source\.path"):
        read(name=name, path=str(tmp_path))


def test_dark_and_transposed(tmp_path: Path) -> None:
    """The keys of how digits look hold for tables too."""
    path = tmp_path / "n.npz"
    np.savez(path, x_train=255 - IMAGES.transpose(0, 2, 1) // 2, y_train=DIGITS)
    glyphs = read(name="npz", path=str(path), ink="dark", transpose=True)
    np.testing.assert_array_equal(glyphs.images, IMAGES // 2)
