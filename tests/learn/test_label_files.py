"""Labels of crops: those of each export of name and number, tables, and a dataset's own."""

from __future__ import annotations

import json

import pytest

from digit_sequence.base.errors import ConfigError
from digit_sequence.exports.run import Export, export_dataset
from digit_sequence.learn.crop_files import list_crops
from digit_sequence.learn.label_files import is_label_file, read_labels
from digit_sequence.read.dataset import open_dataset
from digit_sequence.run.schedulers import SchedulerOptions, open_scheduler

PLACES = {
    "imagefolder": ("test", "test/metadata.jsonl"),
    "mmocr": ("images/test", "test.jsonl"),
    "paddleocr": ("images/test", "test.txt"),
    "doctr": ("test/images", "test/labels.json"),
    "easyocr": ("test", "test/labels.csv"),
    "coco": ("test", "annotations/instances_test.json"),
    "tesstrain": ("test-ground-truth", "test-ground-truth"),
}
"""Of each export, where the images and the labels of test are."""


def number_by_stem(dataset, split):
    """Return the number of each key."""
    return dict(zip(*dataset[split].labels(["key", "number"]).to_pydict().values(), strict=True))


@pytest.mark.parametrize("kind", PLACES)
def test_labels_of_an_export(kind, built, tmp_path):
    """The labels of an export are those of the dataset, from its folder of images or its root."""
    dataset = open_dataset(built())
    with open_scheduler(SchedulerOptions("synchronous")) as run:
        export_dataset(Export(dataset, kind, tmp_path), run)
    images, labels = (tmp_path / place for place in PLACES[kind])
    crops, others = list_crops([images])
    assert all(is_label_file(name, labels) for name in others)
    numbers = read_labels(labels, crops)
    assert {crops[name].stem: it for name, it in numbers.items()} == number_by_stem(dataset, "test")
    one = next(iter(crops))
    if kind == "tesstrain":
        alone, _ = list_crops([crops[one]])
        assert read_labels(labels, alone) == {one: numbers[one]}


@pytest.mark.parametrize("container", ["files", "webdataset"])
def test_labels_of_a_dataset(container, built, tmp_path):
    """The dataset's own files, and crops called by keys, have the labels of their rows."""
    folder = built(container=container)
    dataset = open_dataset(folder)
    expected = number_by_stem(dataset, "train") | number_by_stem(dataset, "test")
    crops = {f"x/{key}.jpg": tmp_path / f"{key}.jpg" for key in reversed(expected)}
    assert read_labels(folder, crops) == {f"x/{key}.jpg": it for key, it in expected.items()}
    if container == "files":
        crops, _ = list_crops([folder / "images"])
        numbers = read_labels(folder, crops)
        assert [*numbers] == [*crops]
        for split in dataset.values():
            for row in split.labels(["file", "number"]).to_pylist():
                assert numbers[row["file"].removeprefix("images/")] == row["number"]


def test_commas_of_numbers(tmp_path):
    """EasyOCR's words are the rest of a line, commas and all; other tables quote them."""
    crops = {name: tmp_path / name for name in ("1.png", "2.png")}
    labels = tmp_path / "labels.csv"
    for text in (
        "filename,words\n1.png,-1,234.50\n2.png,7\n",
        'filename,words\n1.png,"-1,234.50"\n2.png,7\n',
        'file,number\n1.png,"-1,234.50"\n2.png,7\n',
    ):
        labels.write_text(text)
        assert read_labels(labels, crops) == {"1.png": "-1,234.50", "2.png": "7"}


def test_names_alone_must_be_unique(tmp_path):
    """A label is of the crop of its name, else of the only one whose last part it has."""
    crops = {name: tmp_path / name for name in ("a/1.png", "b/1.png", "b/2.png")}
    labels = tmp_path / "labels.csv"
    labels.write_text("filename,text\nb/1.png,7\na/1.png,8\nelsewhere/2.png,007\n")
    assert read_labels(labels, crops) == {"a/1.png": "8", "b/1.png": "7", "b/2.png": "007"}
    labels.write_text("filename,text\n1.png,7\na/1.png,8\n2.png,007\n")
    with pytest.raises(ConfigError, match=r"1 files of its labels are not there: 1\.png"):
        read_labels(labels, crops)
    labels.write_text("filename,text\nb/2.png,7\na/1.png,8\n2.png,007\nb/1.png,1\n")
    with pytest.raises(ConfigError, match=r"line 4: file: expected each file once, got '2\.png'"):
        read_labels(labels, crops)


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("a.jsonl", "{", "line 1: expected JSON"),
        ("a.jsonl", '{"file_name": "1.png", "text": 7}', "line 1: text: expected str, got 7"),
        ("a.jsonl", '{"file": "1.png", "text": "7"}', "file_name: expected str, got nothing"),
        ("a.jsonl", "[1]", "line 1: it: expected an object, got list"),
        ("a.json", "[1]", "expected an object, the number of each file"),
        ("a.json", '{"1.png": 7}', "1.png: expected its number as text"),
        ("a.json", '{"images": [7]}', "images.0: it: expected an object"),
        ("a.json", '{"1.png": "7;5"}', "space, got '7;5'"),
        ("a.json", "[" * 100_000, "expected JSON: expected at most 64 levels"),
        ("a.json", "{}", "expected a label at least"),
        ("a.txt", "1.png\t7\n2.png", "line 2: expected a file, a tab and its number"),
        ("a.csv", "file,number\n1.png,1,234", "line 2: expected no more values than columns"),
        ("a.txt", "1.png 7", "line 1: expected the columns file and number"),
        ("folder", None, "expected dataset.json of a dataset, or a file *.gt.txt for each image"),
        ("lost.csv", None, "cannot be read"),
    ],
)
def test_bad_labels_are_one_message(name, text, reason, tmp_path):
    """What is no label file names its line, or key, and what was expected."""
    path = tmp_path / name
    if text is not None:
        path.write_text(text)
    elif name == "folder":
        path.mkdir()
    with pytest.raises(ConfigError) as caught:
        read_labels(path, {"1.png": tmp_path / "1.png"})
    assert str(caught.value).startswith(str(path))
    assert reason in str(caught.value)


def test_crops_of_no_key_are_refused(built, tmp_path):
    """With a dataset as labels, a crop of another name is named, and so is a key too high."""
    crops = {name: tmp_path / name for name in ("photo.png", "test-000000009.png")}
    with pytest.raises(
        ConfigError, match=r"keys of the dataset, .*photo\.png, test-000000009\.png"
    ):
        read_labels(built(), crops)


def test_json_of_many_keys(tmp_path):
    """Names with any letters are kept as they are."""
    path = tmp_path / "labels.json"
    path.write_text(json.dumps({"ü 1.png": "007"}))
    assert read_labels(path, {"ü 1.png": tmp_path}) == {"ü 1.png": "007"}
