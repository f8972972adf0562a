"""Others read a dataset as it stands, without conversion, in the forms that people type."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from builds import read_encoded, read_rows

pytestmark = [
    pytest.mark.extras,
    # webdataset leaves its tar files to the garbage collector; Dask calls what pandas deprecates.
    pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore:The inplace keyword in DataFrame.reset_index"),
]
LABELS = "labels/train/*.parquet"


def pick(folder, split="train"):
    """Return the label rows of a split as dicts."""
    return [row for row in read_rows(folder).to_pylist() if row["split"] == split]


def read_pixels(folder, row):
    """Return the pixels that a label row stands for."""
    return np.asarray(Image.open(io.BytesIO(read_encoded(folder, row))))


# -- webdataset ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def wds():
    """Return the package webdataset."""
    return pytest.importorskip("webdataset", reason="needs webdataset")


def test_webdataset_as_its_readme_has_it(wds, built):
    """Brace pattern, decode, to_tuple: images and their labels, in order."""
    folder = built(container="webdataset")
    url = f"{folder}/images/train/train-{{00000..00002}}.tar"
    dataset = wds.WebDataset(url, shardshuffle=False).decode("pil").to_tuple("png", "json")
    rows = pick(folder)
    for row, (image, label) in zip(rows, dataset, strict=True):
        assert label == {name: row[name] for name in ("key", "number", "boxes")}
        assert image.mode == "RGB"  # webdataset's "pil" makes every image RGB
        np.testing.assert_array_equal(np.asarray(image)[..., 0], read_pixels(folder, row))


def test_webdataset_grey_and_jpeg(wds, built):
    """Grey decoding keeps the pixels; shuffled shards give each sample once."""
    folder = built(container="webdataset", image="jpeg")
    urls = sorted(map(str, folder.glob("images/train/*.tar")))
    dataset = wds.WebDataset(urls, shardshuffle=3, seed=1).shuffle(5).decode("l8")
    by_key = {row["key"]: row for row in pick(folder)}
    samples = list(dataset)
    assert sorted(sample["__key__"] for sample in samples) == sorted(by_key)
    for sample in samples:
        row = by_key[sample["__key__"]]
        np.testing.assert_array_equal(sample["jpg"], read_pixels(folder, row))
        assert sample["json"]["number"] == row["number"]


# -- Hugging Face datasets -------------------------------------------------------------------------


@pytest.fixture
def load_dataset(tmp_path, monkeypatch):
    """Return Hugging Face's load_dataset, offline and with a cache of its own."""
    datasets = pytest.importorskip("datasets", reason="needs Hugging Face datasets")
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)

    def load(*arguments, **options):
        return datasets.load_dataset(*arguments, cache_dir=str(tmp_path / "hf"), **options)

    return load


@pytest.mark.parametrize("streaming", [False, True])
def test_hf_opens_a_webdataset_directory(load_dataset, built, streaming):
    """load_dataset(OUT) finds the splits through the dataset card: png, json and __key__."""
    folder = built(container="webdataset")
    dataset = load_dataset(str(folder), streaming=streaming)
    assert set(dataset) == {"train", "test"}
    rows = pick(folder)
    for row, example in zip(rows, dataset["train"], strict=True):
        assert example["__key__"] == row["key"]
        assert example["json"] == {name: row[name] for name in ("key", "number", "boxes")}
        np.testing.assert_array_equal(np.asarray(example["png"]), read_pixels(folder, row))


@pytest.mark.parametrize("streaming", [False, True])
def test_hf_webdataset_by_pattern(load_dataset, built, streaming):
    """load_dataset("webdataset", data_files=...) does too."""
    folder = built(container="webdataset")
    files = {"train": f"{folder}/images/train/*.tar"}
    dataset = load_dataset("webdataset", data_files=files, split="train", streaming=streaming)
    assert [e["json"]["number"] for e in dataset] == [row["number"] for row in pick(folder)]


@pytest.mark.parametrize("streaming", [False, True])
def test_hf_opens_a_parquet_directory(load_dataset, built, streaming):
    """load_dataset(OUT) of the parquet container gives texts with their zeros, and images."""
    from datasets import Image as ImageFeature

    folder = built(container="parquet")
    dataset = load_dataset(str(folder), split="train", streaming=streaming)
    dataset = dataset.cast_column("image", ImageFeature())
    for row, example in zip(pick(folder), dataset, strict=True):
        assert example["text"] == row["number"]
        np.testing.assert_array_equal(np.asarray(example["image"]), read_pixels(folder, row))


@pytest.mark.parametrize("streaming", [False, True])
def test_hf_reads_the_label_index(load_dataset, built, streaming):
    """load_dataset("parquet", data_files=labels) gives every column as it was written."""
    folder = built(container="files")
    files = f"{folder}/{LABELS}"
    dataset = load_dataset("parquet", data_files=files, split="train", streaming=streaming)
    assert list(dataset) == pick(folder)


def test_hf_opens_a_directory_of_files(load_dataset, built):
    """load_dataset(OUT) of the files container: images, in a folder for each number."""
    folder = built(container="files")
    dataset = load_dataset(str(folder), split="test")
    expected = {row["file"]: row for row in pick(folder, "test")}
    assert len(dataset) == len(expected)
    pixels = sorted(np.asarray(example["image"]).tobytes() for example in dataset)
    assert pixels == sorted(read_pixels(folder, row).tobytes() for row in expected.values())


# -- tables ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def folder(built):
    """Return a dataset whose label index is read."""
    return built(container="webdataset")


def count_numbers(folder):
    """Return how many samples of train each number has, by brute force."""
    numbers = [row["number"] for row in pick(folder)]
    return {number: numbers.count(number) for number in numbers}


def test_polars(folder):
    """A glob, a directory and a lazy scan: strings stay strings, boxes are structs."""
    polars = pytest.importorskip("polars", reason="needs polars")
    rows = pick(folder)
    for source in (f"{folder}/{LABELS}", folder / "labels/train"):
        assert polars.read_parquet(source).to_dicts() == rows
    frame = polars.scan_parquet(f"{folder}/labels/**/*.parquet")
    counts = frame.filter(polars.col("split") == "train").group_by("number").len().collect()
    assert dict(counts.iter_rows()) == count_numbers(folder)
    digits = polars.read_parquet(f"{folder}/{LABELS}").explode("boxes").unnest("boxes")["digit"]
    assert digits.to_list() == [int(digit) for row in rows for digit in row["number"]]


def test_duckdb(folder):
    """SQL over the files: zeros count, boxes unnest, splits can be told apart."""
    duckdb = pytest.importorskip("duckdb", reason="needs DuckDB")
    with duckdb.connect() as database:
        query = f"select number, count(*) from '{folder}/{LABELS}' group by number"
        assert dict(database.sql(query).fetchall()) == count_numbers(folder)
        query = f"""
            select key, unnest(boxes).digit from read_parquet('{folder}/labels/*/*.parquet')
            where split = 'train' and number = '007' order by ordinal limit 3"""
        assert [digit for _, digit in database.sql(query).fetchall()] == [0, 0, 7]


def test_pandas(folder):
    """A directory with filters and columns; numbers are strings."""
    pandas = pytest.importorskip("pandas", reason="needs pandas")
    rows = pick(folder)
    frame = pandas.read_parquet(folder / "labels/train")
    assert frame["key"].tolist() == [row["key"] for row in rows]
    assert frame["number"].value_counts().to_dict() == count_numbers(folder)
    filters = [("n_digits", "==", 3)]
    chosen = pandas.read_parquet(folder / "labels", columns=["number"], filters=filters)
    expected = [row for row in read_rows(folder).to_pylist() if row["n_digits"] == 3]
    assert sorted(chosen["number"]) == sorted(row["number"] for row in expected)


def test_dask_dataframe(folder):
    """One partition for each shard; numbers are strings."""
    pytest.importorskip("pandas", reason="needs pandas")
    import dask.dataframe as dd

    frame = dd.read_parquet(folder / "labels/train")
    counts = frame["number"].value_counts().compute(scheduler="synchronous")
    assert counts.to_dict() == count_numbers(folder)
    heights = frame.groupby("n_digits")["height"].max().compute(scheduler="synchronous")
    assert heights.to_dict() == {1: 28, 2: 28, 3: 28}


def test_pyarrow_dataset(folder):
    """A pyarrow dataset over the label index, filtered."""
    import pyarrow.compute as pc
    import pyarrow.dataset as ds

    table = ds.dataset(folder / "labels").to_table(filter=pc.field("number") == "42")
    assert table["n_digits"].to_pylist() == [2] * len(table)
    assert len(table) >= 4
