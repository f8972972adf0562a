"""Reading back: every sample by ordinal and key, filters against brute force, real faults."""

from __future__ import annotations

import json
import multiprocessing
import pickle
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from builds import ROOT, read_encoded, read_rows
from digit_sequence.base.errors import ConfigError, OutputError
from digit_sequence.base.names import SCHEMA_VERSION
from digit_sequence.codec.encoding import decode_image
from digit_sequence.read import files as dataset_files
from digit_sequence.read.dataset import Dataset, open_dataset
from digit_sequence.read.files import MERGE_GAP_BYTES, MERGE_MAX_BYTES, merge_ranges
from digit_sequence.read.split import Split
from digit_sequence.store.storage import Storage

CONTAINERS = ("webdataset", "parquet", "files")


@pytest.fixture(params=CONTAINERS)
def folder(request, built):
    """Return a dataset of each container in turn, to read only."""
    return built(container=request.param)


@pytest.fixture
def copy(built, tmp_path):
    """Return a function that copies a dataset, to damage it."""

    def copy_dataset(container: str = "webdataset") -> Path:
        return Path(shutil.copytree(built(container=container), tmp_path / container))

    return copy_dataset


@pytest.fixture(scope="module")
def train(built) -> Split:
    """Return the 12 samples of train, in shards of 5."""
    return open_dataset(built(container="webdataset"))["train"]


# -- what is read ----------------------------------------------------------------------------------


@pytest.mark.parametrize("image", ["png", "jpeg"])
@pytest.mark.parametrize("container", CONTAINERS)
def test_every_sample_is_its_label_row_and_image(built_of_few, container, image):
    """Each sample, by ordinal and by key, is the row and the decoded bytes that it stands for."""
    folder = built_of_few(container=container, image=image)
    dataset = open_dataset(folder)
    for row in read_rows(folder).to_pylist():
        sample = dataset[row["split"]][row["ordinal"]]
        assert dict(sample.label) == row
        assert (sample.key, sample.number) == (row["key"], row["number"])
        np.testing.assert_array_equal(sample.image, decode_image(read_encoded(folder, row)))
        again = dataset.by_key(row["key"])
        assert again.number == row["number"]
        np.testing.assert_array_equal(again.image, sample.image)


def test_label_has_the_columns_of_every_transform(built):
    """Whatever columns a row has, they are in the label of its sample."""
    folder = built()
    dataset = open_dataset(folder)
    for row in read_rows(folder).to_pylist():
        assert dict(dataset[row["split"]][row["ordinal"]].label) == row


def test_sample_is_writable_and_has_boxes(train):
    """An image is the caller's own array; boxes have a row (digit, top, left, bottom, right)."""
    sample = train[1]
    assert (sample.number, sample.image.dtype, sample.image.shape) == ("42", np.uint8, (28, 160))
    assert sample.image.flags.writeable
    assert sample.boxes.shape == (2, 5)
    assert sample.boxes[:, 0].tolist() == [4, 2]
    assert sample.boxes.tolist() == [list(box.values()) for box in sample.label["boxes"]]


def test_label_of_an_unknown_column_lists_the_columns(train):
    """A label row is a mapping: another key is a KeyError, which lists those there are."""
    label = train[0].label
    with pytest.raises(KeyError, match="expected a label column, got 'text'; the columns are key"):
        label["text"]
    assert label.get("text") is None
    assert repr(label) == "<label row train-000000000: number '007'>"


def test_opens_paths_and_uris(folder):
    """A path, its string and a file:// URI open the same dataset."""
    for uri in (folder, str(folder), folder.as_uri()):
        assert open_dataset(uri)["test"][4].label["ordinal"] == 4


def test_dataset_is_a_mapping_of_splits(train):
    """A dataset says its splits, columns and image shape; another split is named in the error."""
    dataset = train.dataset
    assert {name: len(split) for name, split in dataset.items()} == {"train": 12, "test": 5}
    assert dataset.image_shape == (28, 160)
    assert dataset.columns[:3] == ["key", "split", "number"]
    assert "val" not in dataset
    assert f"{dataset!r}" == f"<dataset {dataset.uri}: train 12, test 5>"
    assert f"{train[2:4]!r}" == f"<2 of 12 samples of train in {dataset.uri}>"
    with pytest.raises(ConfigError, match="expected a split of train, test, got 'val'"):
        dataset["val"]


# -- positions -------------------------------------------------------------------------------------


@given(st.slices(12), st.slices(12))
def test_slices_are_those_of_a_list(train, first, second):
    """A slice, and a slice of a slice, hold what the same slices of a list hold."""
    expected = list(range(12))[first][second]
    chosen = train[first][second]
    assert list(chosen.ordinals) == expected
    assert chosen.labels(["ordinal"])["ordinal"].to_pylist() == expected


@given(st.lists(st.integers(-12, 11), max_size=30))
def test_any_positions_in_any_order(train, positions):
    """Taken samples keep their order, repeated ones too; batches agree with single samples."""
    chosen = train.take(positions)
    assert [sample.label["ordinal"] for sample in chosen] == [p % 12 for p in positions]
    batch = chosen.read_batch(range(len(chosen)), ("ordinal", "number", "boxes"))
    assert batch.images.shape == (len(positions), 28, 160)
    assert batch.labels.column_names == ["ordinal", "number", "boxes"]
    for place, position in enumerate(positions):
        sample = train[position]
        np.testing.assert_array_equal(batch.images[place], sample.image)
        np.testing.assert_array_equal(batch.boxes[place], sample.boxes)
        assert batch.numbers[place] == sample.number


def test_positions_out_of_range(train):
    """A position outside is an IndexError that says what is inside; negative ones count back."""
    assert train[-1].label["ordinal"] == 11
    assert train[np.int64(3)].label["ordinal"] == 3
    for position in (12, -13):
        with pytest.raises(IndexError, match=r"train: expected a position in \[-12, 12\)"):
            train[position]
        with pytest.raises(IndexError, match=r"expected positions in \[-12, 12\)"):
            train.take([0, position])


def test_batches_cover_all_in_order(train):
    """Batches hold each sample once and in order; a smaller last one can be left out."""
    batches = list(train.batches(5, ["ordinal"]))
    assert [batch.labels["ordinal"].to_pylist() for batch in batches] == [
        [0, 1, 2, 3, 4],
        [5, 6, 7, 8, 9],
        [10, 11],
    ]
    assert [len(batch.images) for batch in train.batches(5, drop_last=True)] == [5, 5]
    with pytest.raises(ConfigError, match="batches of at least 1 sample, got 0"):
        next(train.batches(0))


def test_read_encoded_gives_the_files(built):
    """Encoded images come as they are stored, in the order asked for."""
    folder = built(container="parquet", image="jpeg")
    rows = [row for row in read_rows(folder).to_pylist() if row["split"] == "train"]
    found = open_dataset(folder)["train"].read_encoded([7, 0, 11])
    assert found == [read_encoded(folder, rows[ordinal]) for ordinal in (7, 0, 11)]


def test_keys_that_are_none(train):
    """A key must be one of these samples; the error says which are."""
    whole = "expected a key SPLIT-ORDINAL with a split of train"
    for key in ("test-000000000", "train--00000001", "3", "train-²", "train"):
        with pytest.raises(ConfigError, match=whole):
            train.by_key(key)
    for key in ("val-000000000", "train-", "train"):
        with pytest.raises(ConfigError, match=f"{whole}, test, such as train-000000042, got"):
            train.dataset.by_key(key)
    for samples in (train, train.dataset):
        with pytest.raises(ConfigError, match=r"train holds 12 samples: .* at most 11, got 12"):
            samples.by_key("train-000000012")
    with pytest.raises(
        ConfigError,
        match="a key of 3 of the 12 samples of train, train-000000000 to train-000000011, got",
    ):
        train[:3].by_key("train-000000003")
    assert train.where(number="007").by_key("train-000000003").number == "007"


@pytest.mark.parametrize("key", ["train-3", "train-000000003", "train-0003"])
def test_zeros_of_a_key_may_be_left_out(train, key):
    """A key names its sample with and without its leading zeros."""
    for samples in (train, train.dataset):
        assert samples.by_key(key).key == "train-000000003"


# -- filters ---------------------------------------------------------------------------------------

CONDITIONS = [
    # conditions, the same on a row as a dict
    ({"number": "007"}, lambda row: row["number"] == "007"),
    ({"number": ["7", "42"]}, lambda row: row["number"] in ("7", "42")),
    ({"number": set()}, lambda _row: False),
    ({"n_digits": 2}, lambda row: row["n_digits"] == 2),
    ({"n_digits": range(2, 4)}, lambda row: 2 <= row["n_digits"] < 4),
    ({"n_digits": np.array([1, 3])}, lambda row: row["n_digits"] in (1, 3)),
    ({"scaled": False}, lambda row: not row["scaled"]),
    ({"inverted": True}, lambda row: row["inverted"]),
    ({"digit": 7}, lambda row: "7" in row["number"]),
    ({"digit": [4, 2]}, lambda row: set(row["number"]) & set("42")),
    ({"stroke": [-2, -3]}, lambda row: set(row["stroke"]) & {-2, -3}),
    ({"rotate_degrees": 0.0}, lambda row: 0.0 in row["rotate_degrees"]),
    ({"digit": 7, "n_digits": 1}, lambda row: row["number"] == "7"),
    ({}, lambda _row: True),
]


@pytest.mark.parametrize(("conditions", "is_meant"), CONDITIONS)
def test_filters_match_brute_force(folder, conditions, is_meant):
    """A filter finds the rows that a loop over all rows finds; so does one after a slice."""
    rows = [row for row in read_rows(folder).to_pylist() if row["split"] == "train"]
    train = open_dataset(folder)["train"]
    expected = [row["ordinal"] for row in rows if is_meant(row)]
    assert list(train.where(**conditions).ordinals) == expected
    part = train[9:2:-2].where(**conditions)
    assert list(part.ordinals) == [o for o in range(9, 2, -2) if o in expected]


def test_filter_by_glyph(train):
    """The samples that show one source glyph are found, wherever in the number it stands."""
    rows = train.labels(["glyph_ids"])["glyph_ids"].to_pylist()
    for glyph in {glyph for row in rows for glyph in row}:
        expected = [ordinal for ordinal, row in enumerate(rows) if glyph in row]
        assert train.where(glyph_id=glyph).ordinals.tolist() == expected
        assert train.where(glyph_ids=[glyph, 9999]).ordinals.tolist() == expected


def test_filter_by_expression(train):
    """An expression of pyarrow.compute filters too, alone or with conditions."""
    rows = train.labels().to_pylist()
    expected = [row["ordinal"] for row in rows if row["blur_sigma"] > 0]
    assert 0 < len(expected) < 12
    blurred = pc.field("blur_sigma") > 0
    assert train.where(blurred).ordinals.tolist() == expected
    sevens = [ordinal for ordinal in expected if rows[ordinal]["number"] == "7"]
    assert train.where(blurred, number="7").ordinals.tolist() == sevens
    with pytest.raises(ConfigError, match="expected an expression of the columns key, split"):
        train.where(pc.field("blur") > 0)


def test_filter_on_an_unknown_column_lists_the_columns(train):
    """An unknown column is an error that lists those there are and the short names."""
    with pytest.raises(
        ConfigError, match="got 'length'; the columns are key, split, number, n_dig"
    ):
        train.where(length=3)
    with pytest.raises(ConfigError, match="and digit, glyph_id for any digit"):
        next(train.batches(4, columns=["text"]))


@pytest.mark.parametrize(
    ("conditions", "problem"),
    [
        ({"number": 7}, r"number: expected values of type string, got \[7\]: quote it"),
        ({"n_digits": "7"}, "n_digits: expected values of type int16"),
        ({"n_digits": True}, "n_digits: expected values of type int16"),
        ({"n_digits": 99999}, "n_digits: expected values of type int16"),
        ({"scaled": 1}, "scaled: expected values of type bool"),
        ({"number": None}, "number: expected values of type string"),
        ({"digit": 4.5}, "digit: expected values of type int8"),
        ({"boxes": 3}, "boxes: holds structures; expected a condition on digit"),
    ],
)
def test_filter_values_of_another_type(train, conditions, problem):
    """A value that its column cannot hold is an error, never an empty result."""
    with pytest.raises(ConfigError, match=problem):
        train.where(**conditions)


# -- processes, threads, bounds --------------------------------------------------------------------


def test_imports_only_what_training_jobs_have():
    """Reading needs NumPy, pyarrow and imageio's Pillow: a fresh process proves it."""
    needed = {"numpy", "pyarrow", "PIL", "digit_sequence"}
    script = (
        "import sys; before = set(sys.modules); import digit_sequence.read.dataset\n"
        "print(*sorted({name.partition('.')[0] for name in set(sys.modules) - before}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT
    )
    loaded = set(done.stdout.split())
    assert needed <= loaded
    unwanted = {
        "dask",
        "distributed",
        "skimage",
        "scipy",
        "pydantic",
        "pandas",
        "xxhash",
        "torch",
        "numba",
    }
    assert not loaded & (unwanted | {"ruamel", "pooch", "click", "rich"})


def _read_sums(split: Split) -> list[int]:
    return [int(sample.image.sum()) for sample in split]


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_processes_share_a_dataset(train, method):
    """A split that has files open works in forked and in spawned processes, and afterwards here."""
    expected = _read_sums(train)
    context = multiprocessing.get_context(method)
    with context.Pool(2) as pool:
        assert pool.map(_read_sums, [train, train[:], train.take(range(12))]) == [expected] * 3
    assert _read_sums(train) == expected


def test_forked_process_opens_its_own_files(train):
    """After a fork nothing of the parent's open files is used."""
    _ = train[0]
    parent = train.dataset.store()
    assert train.dataset.store() is parent
    context = multiprocessing.get_context("fork")
    receiver, sender = context.Pipe(duplex=False)

    def report() -> None:
        store = train.dataset.store()
        sender.send((store is parent, store.pid == parent.pid))

    process = context.Process(target=report)
    process.start()
    assert receiver.recv() == (False, False)
    process.join()


def test_pickles_without_open_files(train):
    """A dataset, a split and a sample that were used can be pickled, and are small."""
    sample = train[4]
    for thing in (train.dataset, train, train.where(number="7")):
        assert len(pickle.dumps(thing)) < 16_000  # the plan of each transform among it
    again = pickle.loads(pickle.dumps(sample))
    assert again.label == dict(sample.label)
    np.testing.assert_array_equal(again.image, sample.image)


def test_threads_share_a_dataset(train, monkeypatch):
    """Threads that crowd each other out of the caches read what one thread reads."""
    monkeypatch.setattr(dataset_files, "MAX_OPEN_FILES", 1)
    monkeypatch.setattr(dataset_files, "MAX_LABEL_ROWS", 1)
    monkeypatch.setattr(dataset_files, "MIN_LABEL_SHARDS", 1)
    expected = _read_sums(train)
    dataset = open_dataset(train.dataset.uri)
    with ThreadPoolExecutor(8) as pool:
        positions = [position % 12 for position in range(0, 7 * 200, 7)]
        samples = pool.map(dataset["train"].__getitem__, positions)
        assert [int(sample.image.sum()) for sample in samples] == [expected[p] for p in positions]


def _count_open(folder: Path) -> int:
    links = [path for path in Path("/proc/self/fd").iterdir() if path.is_symlink()]
    return sum(1 for path in links if str(folder) in str(path.resolve()))


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="needs /proc to count open files")
def test_open_files_are_bounded(built, monkeypatch):
    """However many shards are read, only a bounded number of files is open, and none afterwards."""
    folder = built(container="webdataset", shard_samples=1)
    monkeypatch.setattr(dataset_files, "MAX_OPEN_FILES", 3)
    monkeypatch.setattr(dataset_files, "MAX_LABEL_ROWS", 4)
    monkeypatch.setattr(dataset_files, "MIN_LABEL_SHARDS", 1)
    opened = []
    open_labels = Storage.open
    monkeypatch.setattr(
        Storage, "open", lambda storage, path: opened.append(path) or open_labels(storage, path)
    )
    dataset = open_dataset(folder)
    for position in range(12):
        _ = dataset["train"][position].number
        assert _count_open(folder) == min(position + 1, 3)
    opened.clear()
    for position in (11, 10, 9, 8):  # the label rows of the last four shards are still there
        _ = dataset["train"][position].number
    assert opened == []
    _ = dataset["train"][7].number
    assert set(opened) == {"labels/train/train-00007.parquet"}
    del dataset
    assert _count_open(folder) == 0


def write_manifest(folder: Path, **changes: object) -> Path:
    """Write a manifest alone."""
    manifest = {
        "schema_version": SCHEMA_VERSION,
        "program": "digit-sequence 0",
        "fingerprint": "f" * 32,
        "digest": "d" * 64,
        "splits": {"train": {"samples": 10**9, "max_digits": 6, "bytes": 10**12}},
        "container": "webdataset",
        "shard_samples": 10_000,
        "image": {"format": "png", "height": 32, "width": 320, "min_width": 320},
    }
    (folder / "dataset.json").write_text(json.dumps(manifest | changes))
    return folder


def test_opening_reads_the_manifest_alone(tmp_path):
    """A billion samples open where nothing but the manifest is, and positions are arithmetic."""
    train = open_dataset(write_manifest(tmp_path))["train"]
    assert len(train) == 10**9
    last = train[500_000_000:][::-2]
    assert (len(last), last.ordinals[0], last.ordinals[-1]) == (
        250_000_000,
        999_999_999,
        500_000_001,
    )
    with pytest.raises(
        OutputError, match=r"labels/train/train-99999\.parquet: the label file is m"
    ):
        train.by_key("train-999999999")


@given(
    st.lists(st.tuples(st.integers(0, 40_000_000), st.integers(1, 100_000)), max_size=40),
)
def test_merged_ranges_cover_each_image_once(ranges):
    """Each range is in one group; groups have no wide gap within, and are of bounded size."""
    offsets, sizes = np.array(ranges, np.int64).reshape(-1, 2).T
    groups = merge_ranges(offsets, sizes)
    assert sorted(member for group in groups for member in group) == list(range(len(ranges)))
    for group in groups:
        begins, ends = offsets[group], offsets[group] + sizes[group]
        assert (np.diff(begins) >= 0).all()
        reach = np.maximum.accumulate(ends)
        assert (begins[1:] - reach[:-1] <= MERGE_GAP_BYTES).all()
        assert len(group) == 1 or reach[-1] - begins[0] <= MERGE_MAX_BYTES


# -- what is missing or broken ---------------------------------------------------------------------


def test_incomplete_dataset_says_what_is_missing(copy):
    """Without a manifest, the error counts the missing shards and names the first."""
    folder = copy()
    (folder / "dataset.json").unlink()
    with pytest.raises(
        OutputError, match=r"all 4 shards have labels, but dataset\.json is missing"
    ):
        open_dataset(folder)
    (folder / "labels/train/train-00001.parquet").unlink()
    (folder / "labels/test/test-00000.parquet").unlink()
    with pytest.raises(
        OutputError, match="2 of 4 shards are missing, the first is train-00001; run"
    ):
        open_dataset(folder)


def test_no_dataset_at_all(tmp_path):
    """A folder without a dataset, no folder, and a file are told apart from an incomplete one."""
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="expected the folder of a dataset, got a file"):
        open_dataset(tmp_path / "file")
    for uri in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(
            OutputError, match=r"expected a dataset built by this program, got none"
        ):
            open_dataset(uri)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"schema_version": 2}', "\x00"])
def test_manifest_that_is_none(tmp_path, text):
    """A manifest that is not JSON, or lacks keys, is named."""
    (tmp_path / "dataset.json").write_text(text)
    with pytest.raises(OutputError, match=r"dataset\.json: expected the manifest of a dataset"):
        open_dataset(tmp_path)


def test_manifest_of_another_schema(tmp_path):
    """A dataset of a later version is refused, with the version that wrote it."""
    write_manifest(tmp_path, schema_version=1)
    with pytest.raises(OutputError, match=r"schema_version 2, got 1; read it .* digit-sequence 0"):
        open_dataset(tmp_path)


def damage(path: Path, how: str) -> None:
    """Damage a file in one way."""
    content = path.read_bytes()
    match how:
        case "missing":
            path.unlink()
        case "short":
            path.write_bytes(content[:-1])
        case "zeros":
            path.write_bytes(bytes(len(content)))


@pytest.mark.parametrize(
    ("container", "file"),
    [
        ("webdataset", "images/train/train-00001.tar"),
        ("parquet", "images/train/train-00001.parquet"),
        ("files", "images/train/42/42_2.png"),
    ],
)
@pytest.mark.parametrize(
    ("how", "problem"),
    [("missing", "got no such file"), ("short", "got a file of"), ("zeros", "got no image")],
)
def test_damaged_shard_names_file_row_and_repair(copy, container, file, how, problem):
    """A shard that is missing, cut or overwritten names the file, the row and the command."""
    folder = copy(container)
    damage(folder / file, how)
    train = open_dataset(folder)["train"]
    message = (
        rf"{file}: row 2 of shard train-00001: expected [0-9,]+ bytes of an image of 28 x 160 "
        rf"pixels at offset [0-9,]+, {problem}.*digit-sequence verify {folder} --repair"
    )
    with pytest.raises(OutputError, match=message):
        train[7]
    with pytest.raises(OutputError, match=rf"{file}: row [0-4] of shard train-00001"):
        train.read_batch(range(12))
    assert train[0].number == "007"  # the others can still be read


@pytest.mark.parametrize("how", ["missing", "short", "zeros"])
def test_damaged_label_file_names_it_and_repair(copy, how):
    """A label file that is missing or broken is named, with the command that repairs it."""
    folder = copy()
    damage(folder / "labels/train/train-00002.parquet", how)
    train = open_dataset(folder)["train"]
    message = r"labels/train/train-00002\.parquet: the label file .*--repair"
    for read in (lambda: train[10], lambda: train.where(n_digits=2), train.labels):
        with pytest.raises(OutputError, match=message):
            read()


def test_label_file_of_another_shard(copy, built):
    """A label file of another shard or another build is not believed."""
    folder = copy()
    labels = folder / "labels/train"
    shutil.copy(labels / "train-00000.parquet", labels / "train-00001.parquet")
    other = built(container="webdataset", image="jpeg")
    shutil.copy(other / "labels/train/train-00002.parquet", labels)
    pa.parquet.write_table(pa.table({"key": ["a"]}), folder / "labels/test/test-00000.parquet")
    dataset = open_dataset(folder)
    with pytest.raises(OutputError, match=r"got \('[0-9a-f]{32}', 'train-00000', 5\)"):
        dataset["train"][5]
    with pytest.raises(
        OutputError, match=r"train-00002.parquet: expected \(fingerprint, shard, ro"
    ):
        dataset["train"][11]
    with pytest.raises(OutputError, match="got no label file of this program"):
        dataset["test"][0]


def test_check_pixels_finds_a_swapped_image(copy, built):
    """Checked against its hash, a valid image in the wrong place is found; JPEG has none."""
    folder = copy("files")
    shutil.copy(folder / "images/train/42/42_1.png", folder / "images/train/42/42_0.png")
    path = folder / "images/train/42/42_0.png"
    swapped = open_dataset(folder, check_pixels=True)["train"]
    assert swapped[4].number == "42"
    with pytest.raises(OutputError, match=r"42_0\.png: row 1 of shard train-00000"):
        swapped[1]
    assert path.is_file()
    intact = open_dataset(built(container="webdataset"), check_pixels=True)
    assert isinstance(intact, Dataset)
    assert len([*intact["train"], *intact["test"]]) == 17
    with pytest.raises(ConfigError, match="check_pixels: expected PNG images, got jpeg"):
        open_dataset(built(container="webdataset", image="jpeg"), check_pixels=True)


@pytest.mark.parametrize(
    "positions", [range(5, 20), range(-3, 0), range(12, 15), [5, 12], [-13], range(11, 4, -1)]
)
def test_positions_are_those_of_a_list(train, positions):
    """A range is taken as the list of its numbers is, by everything that takes positions."""
    assert len(train) == 12
    reads = (train.read, train.read_labels, train.read_batch, train.read_encoded, train.take)
    for read in reads:
        if all(-12 <= position < 12 for position in positions):
            assert _keys(read(positions)) == _keys(read(list(positions)))
        else:
            with pytest.raises(IndexError, match=r"expected positions in \[-12, 12\)"):
                read(positions)


def _keys(found):
    """Return what tells samples apart, whatever holds them."""
    if hasattr(found, "ordinals"):
        return found.labels(["key"])["key"].to_pylist()
    table = found if hasattr(found, "to_pylist") else getattr(found, "labels", None)
    if table is not None:
        return table["key"].to_pylist()
    return [getattr(one, "key", one) for one in found]


@pytest.mark.parametrize("positions", [np.ones(12, bool), [True, False], [1.9], ["1"]])
def test_positions_are_integers(train, positions):
    """A mask or a fraction is no position."""
    with pytest.raises(ConfigError, match="expected positions, which are integers, got"):
        train.take(positions)


def test_splits_are_a_mapping(train):
    """A split that is not there has the default, as in any mapping."""
    assert train.dataset.get("other") is None
    assert len(train.dataset.get("train")) == 12
