"""Exports, read by the rules that trainers publish; with the trainers' own code where it installs.

PaddleOCR, MMOCR, EasyOCR, deep-text-recognition-benchmark, tesstrain and Ultralytics are no
packages for this Python, or bring frameworks of gigabytes: their rules are written out below. docTR
and mosaicml-streaming exclude the NumPy and huggingface_hub used here, and litData brings a
torchvision, so their own loaders run in an environment of their own, which `make test-all` makes;
their rules are checked besides.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import shutil
import signal
import struct
import subprocess
import sys
from dataclasses import replace
from functools import cache
from importlib import import_module
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from builds import ALL_TRANSFORMS, ROOT, build, read_rows, read_tree, run_program
from digit_sequence.base.errors import BuildError, BuildStopped, ConfigError, OutputError
from digit_sequence.exports import EXPORTS
from digit_sequence.exports.format import Piece
from digit_sequence.exports.lmdb import write_piece
from digit_sequence.exports.run import Export, export_dataset
from digit_sequence.exports.shard import Request, open_exported
from digit_sequence.read.dataset import open_dataset
from digit_sequence.run.schedulers import SchedulerOptions, open_scheduler
from glyph_files import write_emnist

SIGNED = ["-1,234.50", "$12:45", "(5+3)=8", "31/12/2026", "€99,-", "£0.07", "7%", "#5"]
"""Numbers with signs, in train and in test."""
LETTERED = ["AB-12", "ZZ9", "0O0", "K-7", "X9,5", "IBAN", "MW/3", "Q#1"]
"""Numbers with letters beside signs and digits."""
KINDS = ["digits", "signs", "letters"]
WITH_SIGNS = pytest.mark.parametrize("dataset", KINDS, indirect=True)
FILE_EXPORTS = [name for name in EXPORTS if name != "lmdb"]


def export(dataset, kind, folder, scheduler="synchronous", **options):
    """Export a dataset; returns how many samples this run exported."""
    with open_scheduler(SchedulerOptions(scheduler, workers=2)) as run:
        return export_dataset(Export(dataset, kind, folder, **options), run)


def make_splits(numbers):
    """Return splits of 12 and 5 samples that show these numbers."""
    return {
        "splits": {
            "train": {"numbers": {"values": numbers[:3]}, "samples_per_number": 4},
            "test": {"numbers": {"values": numbers[3:]}, "samples_per_number": 1},
        }
    }


@pytest.fixture(scope="session")
def build_with_shapes(tiny_config, tmp_path_factory):
    """Return a function that builds a dataset that has whatever a format asks for, to read only."""
    folder = tmp_path_factory.mktemp("shapes")
    write_emnist(folder)
    letters = {"source": {"name": "emnist", "path": str(folder), "subset": "byclass"}}
    blocks = {
        "digits": {},
        "signs": make_splits(SIGNED),
        "letters": letters | make_splits(LETTERED),
    }

    @cache
    def build_once(kind):
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("DIGIT_SEQUENCE_CACHE", str(folder / "cache"))
            labels = {"masks": "rle", "polygons": True}
            build(tiny_config(**ALL_TRANSFORMS, **blocks[kind], labels=labels), folder / kind)
        return folder / kind

    return build_once


@pytest.fixture(scope="module")
def folder_with_shapes(build_with_shapes):
    """Return the folder of the dataset of digits."""
    return build_with_shapes("digits")


@pytest.fixture(scope="module")
def dataset(build_with_shapes, request):
    """Return a dataset of 12 and 5 samples whose numbers begin with zeros, or have signs."""
    return open_dataset(build_with_shapes(getattr(request, "param", "digits")))


@pytest.fixture(scope="session")
def exports(tmp_path_factory):
    """Return a function that exports a dataset to a format, once, to read only."""
    folders = {}

    def export_once(dataset, kind):
        name = (dataset.uri, kind)
        if name not in folders:
            folders[name] = tmp_path_factory.mktemp(kind)
            assert export(dataset, kind, folders[name]) == 17
        return folders[name]

    return export_once


@pytest.fixture(scope="module")
def exported(dataset, exports):
    """Return a function that exports the dataset to a format, once, to read only."""

    def export_once(kind):
        return exports(dataset, kind)

    return export_once


def expect(dataset, split):
    """Return (number, pixels) of the samples of a split."""
    return [(sample.number, sample.image.tolist()) for sample in dataset[split]]


def open_image(path):
    """Return the pixels of an image file."""
    return np.asarray(Image.open(path)).tolist()


# -- formats, by the rules of their readers --------------------------------------------------------


@WITH_SIGNS
@pytest.mark.parametrize("split", ["train", "test"])
def test_paddleocr(dataset, exported, split):
    """SimpleDataSet: each line, without its end, is split at the tab; the path joins data_dir."""
    folder = exported("paddleocr")
    lines = (folder / f"{split}.txt").read_bytes().splitlines(keepends=True)
    found = []
    for line in lines:
        name, label = line.decode("utf-8").strip("\n").split("\t")
        found.append((label, open_image(os.path.join(folder, name))))  # noqa: PTH118 - as it does
    assert found == expect(dataset, split)
    lines = (folder / "digits.txt").read_text(encoding="utf-8").splitlines()
    assert [line.strip("\n\r") for line in lines] == list(dataset.alphabet)
    assert {*"".join(label for label, _ in found)} <= {*lines}


@WITH_SIGNS
@pytest.mark.parametrize("split", ["train", "test"])
def test_doctr(dataset, exported, split):
    """RecognitionDataset: a JSON object from the name of each image, which must exist, to a str."""
    folder = exported("doctr") / split
    labels = json.loads((folder / "labels.json").read_text(encoding="utf-8"))
    found = []
    for name, label in labels.items():
        assert (folder / "images" / name).exists()
        assert isinstance(label, str)
        found.append((label, open_image(folder / "images" / name)))
    assert found == expect(dataset, split)


@WITH_SIGNS
@pytest.mark.parametrize("split", ["train", "test"])
def test_mmocr(dataset, exported, split):
    """LineJsonParser: the keys filename and text of each line; paths are relative to data_root."""
    folder = exported("mmocr")
    lines = (folder / f"{split}.jsonl").read_text(encoding="utf-8").splitlines()
    records = list(map(json.loads, lines))
    found = [(record["text"], open_image(folder / record["filename"])) for record in records]
    assert found == expect(dataset, split)


@WITH_SIGNS
@pytest.mark.parametrize("split", ["train", "test"])
def test_tesstrain(dataset, exported, split):
    """Each .png has a .gt.txt of one line beside it, of the same name."""
    folder = exported("tesstrain") / f"{split}-ground-truth"
    found = []
    for path in sorted(folder.glob("*.png")):
        text = path.with_name(f"{path.stem}.gt.txt").read_text(encoding="utf-8")
        assert text.count("\n") == 1
        found.append((text.strip(), open_image(path)))
    assert found == expect(dataset, split)
    assert len(list(folder.iterdir())) == 2 * len(found)


@WITH_SIGNS
@pytest.mark.parametrize("split", ["train", "test"])
def test_easyocr_file_is_right(dataset, exported, split):
    """The file keeps zeros and commas: words are what stands behind the first comma of a line."""
    folder = exported("easyocr") / split
    head, *lines = (folder / "labels.csv").read_text(encoding="utf-8").splitlines()
    assert head == "filename,words"
    records = [re.split("^([^,]+),", line)[1:] for line in lines]  # as EasyOCR has pandas do it
    found = [(words, open_image(folder / name)) for name, words in records]
    assert found == expect(dataset, split)


@pytest.mark.extras
def test_easyocr_reader_has_the_fault_that_is_told(exported):
    """EasyOCR's own call of pandas loses zeros and types; with dtype=str it does not."""
    pandas = pytest.importorskip("pandas", reason="needs pandas")
    path = exported("easyocr") / "train/labels.csv"
    options = {"sep": "^([^,]+),", "engine": "python", "keep_default_na": False}
    options["usecols"] = ["filename", "words"]
    assert pandas.read_csv(path, **options)["words"].tolist()[:3] == [7, 42, 7]
    assert pandas.read_csv(path, dtype=str, **options)["words"].tolist()[:3] == ["007", "42", "7"]
    assert "dtype=str" in EXPORTS["easyocr"].note


@WITH_SIGNS
@pytest.mark.parametrize("split", ["train", "test"])
def test_yolo(dataset, exported, split):
    """A text of the image's name in labels/; class, centre and size in shares; boxes are exact."""
    folder = exported("yolo")
    for sample in dataset[split]:
        path = folder / f"images/{split}/{sample.key}.png"
        assert open_image(path) == sample.image.tolist()
        label = Path(str(path).replace("/images/", "/labels/")).with_suffix(".txt")
        table = np.loadtxt(label, ndmin=2)
        assert ((table[:, 1:] > 0) & (table[:, 1:] <= 1)).all()
        height, width = sample.image.shape
        centre_x, centre_y = table[:, 1] * width, table[:, 2] * height
        half_x, half_y = table[:, 3] * width / 2, table[:, 4] * height / 2
        edges = [centre_y - half_y, centre_x - half_x, centre_y + half_y, centre_x + half_x]
        np.testing.assert_allclose(np.stack(edges, axis=1), sample.boxes[:, 1:], atol=1e-5)
        assert "".join(dataset.classes[int(it)] for it in table[:, 0]) == sample.characters


@WITH_SIGNS
def test_yolo_names_classes_and_splits(dataset, exported):
    """data.yaml names the folder of each split and the classes, as strings; class 7 is 7."""
    from ruamel.yaml import YAML

    tree = YAML(typ="safe").load(exported("yolo") / "data.yaml")
    assert tree["names"] == dict(enumerate(dataset.classes))
    assert list(tree["names"].values())[:10] == list("0123456789")
    assert (tree["train"], tree["test"]) == ("images/train", "images/test")
    assert "path" not in tree


@WITH_SIGNS
@pytest.mark.parametrize("split", ["train", "test"])
def test_coco_by_its_rules(dataset, exported, split):
    """Ids are unique, each box lies in its image, and stands for a digit of its number."""
    folder = exported("coco")
    tree = json.loads((folder / f"annotations/instances_{split}.json").read_text())
    images = {image["id"]: image for image in tree["images"]}
    assert len(images) == len(tree["images"]) == len(dataset[split])
    assert len({box["id"] for box in tree["annotations"]}) == len(tree["annotations"])
    names = {category["id"]: category["name"] for category in tree["categories"]}
    spelled = dict.fromkeys(images, "")
    for box in tree["annotations"]:
        left, top, width, height = box["bbox"]
        image = images[box["image_id"]]
        assert 0 <= left < left + width <= image["width"]
        assert 0 <= top < top + height <= image["height"]
        assert 0 < box["area"] <= width * height
        assert box["iscrowd"] == 0
        spelled[box["image_id"]] += names[box["category_id"]]
    assert list(spelled.values()) == [image["text"] for image in tree["images"]]
    for image, (number, pixels) in zip(tree["images"], expect(dataset, split), strict=True):
        assert (image["text"], open_image(folder / split / image["file_name"])) == (number, pixels)


@pytest.mark.extras
@WITH_SIGNS
def test_coco_with_pycocotools(dataset, exported):
    """The package indexes the file; boxes are those of the labels, and detections match them."""
    coco = pytest.importorskip("pycocotools.coco", reason="needs pycocotools")
    from pycocotools import cocoeval

    index = coco.COCO(str(exported("coco") / "annotations/instances_train.json"))
    assert len(index.getImgIds()) == 12
    assert [c["name"] for c in index.loadCats(index.getCatIds())] == list(dataset.classes)
    for image, sample in zip(index.loadImgs(index.getImgIds()), dataset["train"], strict=True):
        boxes = index.loadAnns(index.getAnnIds(imgIds=image["id"]))
        found = [[b["category_id"] - 1, *b["bbox"]] for b in boxes]
        _, top, left, bottom, right = sample.boxes.T
        classes = [dataset.classes.index(it) for it in sample.characters]
        expected = np.stack([classes, left, top, right - left, bottom - top], axis=1)
        assert found == expected.tolist()
    perfect = [
        {name: box[name] for name in ("image_id", "category_id", "bbox")} | {"score": 1.0}
        for box in index.dataset["annotations"]
    ]
    evaluation = cocoeval.COCOeval(index, index.loadRes(perfect), "bbox")
    evaluation.evaluate()
    evaluation.accumulate()
    evaluation.summarize()
    assert evaluation.stats[0] == 1.0


@pytest.mark.extras
@WITH_SIGNS
def test_coco_with_fiftyone(dataset, exported, tmp_path):
    """FiftyOne's importer gives each image and its boxes; its database is not asked for."""
    python = os.environ.get("DIGIT_SEQUENCE_FIFTYONE_PYTHON")
    if python is None:
        pytest.skip("needs DIGIT_SEQUENCE_FIFTYONE_PYTHON, a Python that has FiftyOne")
    script = ROOT / "tests/loaders/read_fiftyone.py"
    environment = os.environ | {"HOME": str(tmp_path), "FIFTYONE_DO_NOT_TRACK": "1"}
    found = run_loader([python, script, exported("coco"), "train"], environment)
    assert len(found) == len(dataset["train"])
    for (path, characters, boxes), sample in zip(sorted(found), dataset["train"], strict=True):
        assert Path(path).stem == sample.key
        assert open_image(path) == sample.image.tolist()
        assert characters == sample.characters
        _, top, left, bottom, right = sample.boxes.T
        expected = np.stack([left, top, right - left, bottom - top], axis=1)
        sides = np.tile(sample.image.shape[::-1], 2)
        np.testing.assert_allclose(np.array(boxes) * sides, expected, atol=1e-9)


def run_loader(command, environment=None):
    """Run a script of tests/loaders; returns what it prints last, as JSON."""
    pipes = {"capture_output": True, "text": True}
    done = subprocess.run(command, env=environment, check=False, timeout=300, **pipes)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.extras
@pytest.mark.parametrize("kind", ["doctr", "litdata", "mds"])
def test_with_its_own_loader(build_with_shapes, exports, kind):
    """docTR, litData and mosaicml-streaming give numbers and pixels, in order."""
    default = ROOT / ".venv-loaders/bin/python"
    python = Path(os.environ.get("DIGIT_SEQUENCE_LOADERS_PYTHON", default))
    if not python.exists():
        pytest.skip(f"needs {default}, which make test-all makes")
    datasets = [open_dataset(build_with_shapes(it)) for it in KINDS]
    folders = [exports(dataset, kind) for dataset in datasets]
    script = ROOT / "tests/loaders/read_export.py"  # whose imports take several seconds
    assert run_loader([python, script, kind, "train", *folders]) == [
        [
            [sample.number, hashlib.sha256(sample.image.tobytes()).hexdigest()]
            for sample in dataset["train"]
        ]
        for dataset in datasets
    ]


def read_mds(folder):
    """Yield the samples of an MDS folder by the rules of streaming/base/format/mds/reader.py."""
    index = json.loads((folder / "index.json").read_text())
    assert index["version"] == 2
    for shard in index["shards"]:
        assert (shard["version"], shard["format"]) == (2, "mds")
        assert shard["column_names"] == sorted(shard["column_names"])
        content = (folder / shard["raw_data"]["basename"]).read_bytes()
        assert len(content) == shard["raw_data"]["bytes"]
        assert np.frombuffer(content, np.uint32, 1)[0] == shard["samples"]
        for position in range(shard["samples"]):
            begin, end = np.frombuffer(content, np.uint32, 2, offset=(1 + position) * 4)
            yield decode_mds(content[begin:end], shard)


def decode_mds(content, shard):
    """Decode one sample."""
    place, sizes = 0, []
    for size in shard["column_sizes"]:
        if not size:
            size = int(np.frombuffer(content, np.uint32, 1, offset=place)[0])  # noqa: PLW2901
            place += 4
        sizes.append(size)
    sample = {}
    columns = zip(shard["column_names"], shard["column_encodings"], sizes, strict=True)
    for name, encoding, size in columns:
        value = content[place : place + size]
        decode = {"str": bytes.decode, "int": lambda v: int(np.frombuffer(v, np.int64)[0])}
        sample[name] = decode.get(encoding, lambda v: open_image(io.BytesIO(v)))(value)
        place += size
    assert place == len(content)
    return sample


@WITH_SIGNS
@pytest.mark.parametrize("split", ["train", "test"])
def test_mds(dataset, exported, split):
    """MDSReader's steps give back each sample, in order."""
    found = list(read_mds(exported("mds") / split))
    assert [(sample["text"], sample["image"]) for sample in found] == expect(dataset, split)
    assert [sample["ordinal"] for sample in found] == list(range(len(found)))
    assert [sample["key"] for sample in found] == dataset[split].labels(["key"])[0].to_pylist()


def read_litdata(folder):
    """Yield the samples of a folder by the rules of litdata/streaming/item_loader.py."""
    index = json.loads((folder / "index.json").read_text())
    _, spec = json.loads(index["config"]["data_spec"])
    names, formats = json.loads(spec["context"]), index["config"]["data_format"]
    assert (names, formats) == (["image", "key", "ordinal", "text"], ["pil", "str", "int", "str"])
    for chunk in index["chunks"]:
        content = (folder / chunk["filename"]).read_bytes()
        assert len(content) == chunk["chunk_bytes"]
        count, *ends = np.frombuffer(content, np.uint32, 2 + chunk["chunk_size"])
        assert (count, ends[-1]) == (chunk["chunk_size"], len(content))
        for begin, end in pairwise(ends):
            sizes = np.frombuffer(content, np.uint32, len(names), offset=begin)
            places = [begin + 4 * len(names), *begin + 4 * len(names) + np.cumsum(sizes)]
            assert places[-1] == end
            image, *texts = (content[low:high] for low, high in pairwise(places))
            width, height, mode_bytes = np.frombuffer(image, np.uint32, 3)
            mode, pixels = image[12 : 12 + mode_bytes], image[12 + mode_bytes :]
            picture = Image.frombytes(mode.decode(), (int(width), int(height)), pixels)
            yield np.asarray(picture).tolist(), *texts


@WITH_SIGNS
@pytest.mark.parametrize("split", ["train", "test"])
def test_litdata(dataset, exported, split):
    """PyTreeLoader's steps give back each sample, in order."""
    found = list(read_litdata(exported("litdata") / split))
    assert [(text.decode(), image) for image, _, _, text in found] == expect(dataset, split)
    assert [struct.unpack("<q", it)[0] for _, _, it, _ in found] == list(range(len(found)))
    keys = dataset[split].labels(["key"])[0].to_pylist()
    assert [key.decode() for _, key, _, _ in found] == keys


@pytest.mark.extras
@WITH_SIGNS
@pytest.mark.parametrize("streaming", [False, True])
def test_imagefolder_with_hugging_face(dataset, exported, tmp_path, monkeypatch, streaming):
    """load_dataset("imagefolder", data_dir=DIR) finds splits, texts and images."""
    datasets = pytest.importorskip("datasets", reason="needs Hugging Face datasets")
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    options = {"cache_dir": str(tmp_path), "streaming": streaming}
    folder = str(exported("imagefolder"))
    found = datasets.load_dataset("imagefolder", data_dir=folder, **options)
    assert set(found) == {"train", "test"}
    for split in found:
        examples = [(e["text"], np.asarray(e["image"]).tolist()) for e in found[split]]
        assert sorted(examples) == sorted(expect(dataset, split))


@WITH_SIGNS
def test_imagefolder_by_its_rules(dataset, exported):
    """Each line names a file beside it, and its text is a JSON string."""
    folder = exported("imagefolder") / "train"
    records = [json.loads(line) for line in (folder / "metadata.jsonl").read_text().splitlines()]
    found = [(record["text"], open_image(folder / record["file_name"])) for record in records]
    assert found == expect(dataset, "train")


@pytest.mark.extras
@WITH_SIGNS
@pytest.mark.parametrize("split", ["train", "test"])
def test_lmdb(dataset, exported, split):
    """Counted from 1 to num-samples, as deep-text-recognition-benchmark and parseq read it."""
    lmdb = pytest.importorskip("lmdb", reason="needs lmdb")
    folder = exported("lmdb") / split
    options = {"readonly": True, "lock": False, "readahead": False, "meminit": False}
    with lmdb.open(str(folder), max_readers=32, **options) as environment:
        with environment.begin(write=False) as transaction:
            n_samples = int(transaction.get(b"num-samples"))
            found = []
            for position in range(n_samples):
                count = position + 1
                label = transaction.get(f"label-{count:09d}".encode()).decode("utf-8")
                image = transaction.get(f"image-{count:09d}".encode())
                found.append((label, open_image(io.BytesIO(image))))
            assert transaction.get(b"image-000000000") is None
        assert environment.stat()["entries"] == 2 * n_samples + 1
    assert found == expect(dataset, split)


# -- the list of formats ---------------------------------------------------------------------------


def test_readme_has_every_format():
    """The table of formats in the README is made of what the formats say of themselves."""
    page = (ROOT / "pipeline/digit_sequence/exports/README.md").read_text()
    head = "| `--to` | read by | what is written |\n| --- | --- | --- |\n"
    rows = [f"| `{kind.name}` | {kind.readers} | {kind.writes} |\n" for kind in EXPORTS.values()]
    assert f"\n{head}{''.join(rows)}\n" in page


def test_help_has_every_format():
    """The help of the command names each format with who reads it."""
    lines = run_program("export", "--help").stdout.splitlines()
    for name, kind in EXPORTS.items():
        assert any(line.split() == [name, *kind.readers.split()] for line in lines)


@pytest.mark.parametrize("name", EXPORTS)
def test_module_shows_the_layout(name):
    """Each format is a module of its name, whose docstring shows its files."""
    module = import_module(f"digit_sequence.exports.{name.replace('-', '_')}")
    assert "::\n\n    " in module.__doc__
    assert getattr(module, name.upper().replace("-", "_")) is EXPORTS[name]


# -- running ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "scheduler", ["threads", pytest.param("processes", marks=pytest.mark.slow)]
)
def test_schedulers_export_the_same(dataset, exported, tmp_path, scheduler):
    """Threads and processes write what one thread writes, byte for byte."""
    for kind in ("coco", "mds") if scheduler == "threads" else ("coco",):
        folder = tmp_path / kind
        assert export(dataset, kind, folder, scheduler) == 17
        assert read_tree(folder) == read_tree(exported(kind))


@pytest.mark.parametrize("kind", FILE_EXPORTS)
def test_hidden_files_are_all_that_is_added(exported, kind):
    """Beside what readers want there is one hidden file, and no part is left."""
    hidden = [path for path in read_tree(exported(kind)) if path.startswith(".")]
    assert hidden == [".build/export.json"]


@pytest.mark.parametrize("kind", FILE_EXPORTS)
def test_stopped_export_goes_on(dataset, exported, tmp_path, kind):
    """An export that stopped after some shards does the others, and ends as if uninterrupted."""
    seen = []
    with open_scheduler(SchedulerOptions("synchronous")) as run:
        request = Export(dataset, kind, tmp_path)
        with pytest.raises(BuildStopped, match="10 samples were exported; give the same command"):
            export_dataset(
                request, run, lambda *progress: seen.append(progress), lambda: len(seen) > 2
            )
        assert seen == [(0, False), (5, True), (5, True)]
        seen.clear()
        n_samples = export_dataset(request, run, lambda *progress: seen.append(progress))
    assert n_samples == 7
    assert seen == [(10, False), (2, True), (5, True)]
    assert read_tree(tmp_path) == read_tree(exported(kind))
    assert export(dataset, kind, tmp_path) == 0  # complete


def test_rebuilt_dataset_is_opened_anew(tiny_config, tmp_path):
    """Workers that have exported a dataset do not take its files for those of the next one."""
    for seed in (1, 2):
        shutil.rmtree(tmp_path / "data", ignore_errors=True)
        build(tiny_config(seed=seed), tmp_path / "data")
        dataset = open_dataset(tmp_path / "data")
        export(dataset, "mmocr", tmp_path / str(seed))
        lines = (tmp_path / str(seed) / "train.jsonl").read_text().splitlines()
        assert [json.loads(line)["text"] for line in lines] == (
            dataset["train"].labels(["number"])["number"].to_pylist()
        )
    with pytest.raises(OutputError, match="built anew meanwhile; export it into a new folder"):
        open_exported(Request(str(tmp_path / "data"), "0" * 64, "mmocr", str(tmp_path)))


def test_export_to_another_disk(dataset, tmp_path):
    """Workers that see another folder of that name are refused before they write into it."""
    folder = tmp_path / "export"
    with open_scheduler(SchedulerOptions("synchronous")) as run:

        def probe(call, arguments):
            (work,) = arguments
            elsewhere = replace(work.subject, folder=str(tmp_path))
            with pytest.raises(OutputError) as caught:
                call(replace(work, subject=elsewhere))
            return {"worker": caught.value}

        with pytest.raises(OutputError, match=r"worker: .*the same directory on every worker"):
            export_dataset(Export(dataset, "yolo", folder), replace(run, probe=probe))
    assert list(read_tree(folder)) == [".build/export.json"]


@pytest.mark.parametrize("kind", [*FILE_EXPORTS, pytest.param("lmdb", marks=pytest.mark.extras)])
@pytest.mark.parametrize(
    ("column", "value"), [("key", "../../escaped"), ("number", "../../escaped"), ("number", "1\n2")]
)
def test_hostile_labels(folder_with_shapes, tmp_path, kind, column, value):
    """A key or a number that is none leads nowhere: the export ends, and nothing is written."""
    folder = Path(shutil.copytree(folder_with_shapes, tmp_path / "data"))
    path = folder / "labels/train/train-00000.parquet"
    table = pq.read_table(path)
    place = table.schema.get_field_index(column)
    values = [value, *table[column].to_pylist()[1:]]
    table = table.set_column(place, table.schema.field(column), pa.array(values))
    pq.write_table(table, path)
    with pytest.raises((BuildError, OutputError), match="expected the key train-000000000"):
        export(open_dataset(folder), kind, tmp_path / "a/b/export")
    assert not [path for path in tmp_path.rglob("*") if "escaped" in path.name]


KILLED = """
import os, sys
from pathlib import Path
from digit_sequence.base.folders import Folder
from digit_sequence.exports import folder as folders, lmdb, run
from digit_sequence.read.dataset import open_dataset
from digit_sequence.run.schedulers import SchedulerOptions, open_scheduler
uri, kind, folder, moment = sys.argv[1:]
def die():
    print("waiting", flush=True)
    sys.stdin.read()
def is_second():
    parts = Path(folder, ".build/parts")
    return parts.is_dir() and any(parts.iterdir())
def open_half(self, name, flags):
    opened = open_whole(self, name, flags)
    if flags & os.O_TRUNC and is_second():
        os.write(opened, b"half")
        die()
    return opened
def join(*arguments):
    die()
open_whole, image_key = Folder.open, lmdb._image_key
if moment == "index":
    folders._join_index = join
elif kind == "lmdb":
    lmdb._image_key = lambda *it: (die() if is_second() else None, image_key(*it))[1]
else:
    Folder.open = open_half
with open_scheduler(SchedulerOptions("synchronous")) as scheduler:
    run.export_dataset(run.Export(open_dataset(uri), kind, Path(folder)), scheduler)
"""


def read_content(kind, folder):
    """Return the files of an export; of an LMDB its records, for its file tells how it grew."""
    if kind != "lmdb":
        return read_tree(folder)
    lmdb = pytest.importorskip("lmdb", reason="needs lmdb")
    contents = []
    for split in ("train", "test"):
        with lmdb.open(str(folder / split), readonly=True) as opened, opened.begin() as reading:
            contents.append(list(reading.cursor()))
    return contents


KILLS = [
    pytest.param("lmdb", "shard", marks=pytest.mark.extras),
    *(
        pytest.param(kind, "shard", marks=[pytest.mark.slow] * (kind not in ("tfrecord", "coco")))
        for kind in FILE_EXPORTS
    ),
    *(
        pytest.param(kind, "index", marks=[pytest.mark.slow] * (kind != "coco"))
        for kind in FILE_EXPORTS
        if EXPORTS[kind].indexes
    ),
]


@pytest.mark.parametrize(("kind", "moment"), KILLS)
def test_killed_export_goes_on(dataset, exported, tmp_path, kind, moment):
    """A process killed in mid-write of its second shard loses that alone; of an index, nothing."""
    if kind == "lmdb":
        pytest.importorskip("lmdb", reason="needs lmdb")
    arguments = [sys.executable, "-c", KILLED, dataset.uri, kind, str(tmp_path), moment]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    environment = os.environ | {"PYTHONPATH": str(ROOT / "pipeline")}
    with subprocess.Popen(arguments, env=environment, **pipes) as process:
        assert process.stdout.readline().strip() == "waiting"
        process.send_signal(signal.SIGKILL)
    n_done = len([*(tmp_path / ".build/parts").iterdir()])
    assert n_done == (1 if moment == "shard" else 4)
    assert export(dataset, kind, tmp_path) == (12 if moment == "shard" else 0)
    assert read_content(kind, tmp_path) == read_content(kind, exported(kind))


@pytest.mark.extras
def test_stopped_lmdb_goes_on(dataset, exported, tmp_path):
    """An LMDB tells of each shard, and stops after the one under way."""
    pytest.importorskip("lmdb", reason="needs lmdb")
    seen = []
    with open_scheduler(SchedulerOptions("threads", workers=2)) as run:
        request = Export(dataset, "lmdb", tmp_path)
        with pytest.raises(BuildStopped, match="5 samples were exported; give the same command"):
            export_dataset(
                request, run, lambda *progress: seen.append(progress), lambda: len(seen) > 1
            )
    assert seen == [(0, False), (5, True)]
    assert export(dataset, "lmdb", tmp_path) == 12
    assert read_content("lmdb", tmp_path) == read_content("lmdb", exported("lmdb"))


@pytest.mark.extras
def test_lmdb_grows(tmp_path):
    """The map of an LMDB has room for each next shard, of images of any size."""
    lmdb = pytest.importorskip("lmdb", reason="needs lmdb")
    images = [bytes([n]) * size for n, size in enumerate([10, 9_000, 2_100, 70_000, 1])]
    rows = [{"ordinal": n, "number": str(n) * 40} for n in range(5)]
    for index in range(40):
        shard = [row | {"ordinal": row["ordinal"] + 5 * index} for row in rows]
        write_piece(Piece("train", "", index, shard, images, ".png", "0123456789"), tmp_path)
        if index == 20:
            write_piece(Piece("train", "", index, shard, images, ".png", "0123456789"), tmp_path)
    with lmdb.open(str(tmp_path), readonly=True) as opened, opened.begin() as reading:
        assert reading.get(b"num-samples") == b"200"
        assert reading.get(b"image-000000199") == images[3]


def test_jpeg_goes_as_it_is_or_as_png(built, tmp_path):
    """JPEG bytes are copied where readers take them, and become PNG for those that do not."""
    folder = built(container="files", image="jpeg")
    dataset = open_dataset(folder)
    export(dataset, "paddleocr", tmp_path / "paddleocr")
    export(dataset, "tesstrain", tmp_path / "tesstrain")
    row = next(row for row in read_rows(folder).to_pylist() if row["key"] == "train-000000003")
    copied = tmp_path / "paddleocr/images/train/train-000000003.jpg"
    assert copied.read_bytes() == (folder / row["file"]).read_bytes()
    converted = tmp_path / "tesstrain/train-ground-truth/train-000000003.png"
    assert open_image(converted) == dataset["train"][3].image.tolist()


# -- refusals --------------------------------------------------------------------------------------


def assert_untouched(folder):
    """Check that nothing was written."""
    assert not folder.exists() or not list(folder.iterdir())


def test_unknown_format_lists_the_formats(dataset, tmp_path):
    """An unknown format is an error that lists all."""
    with pytest.raises(
        ConfigError, match=r"--to: expected one of lmdb, paddleocr, .* got 'tf-recor"
    ):
        export(dataset, "tf-record", tmp_path / "out")
    assert_untouched(tmp_path / "out")


def test_long_numbers_are_refused_before_writing(tiny_config, tmp_path):
    """Numbers that readers would leave out in silence are refused, unless the reader is set so."""
    splits = {"train": {"numbers": {"values": ["0" * 26, "1"]}, "samples_per_number": 2}}
    build(tiny_config(splits=splits), tmp_path / "dataset")
    dataset = open_dataset(tmp_path / "dataset")
    with pytest.raises(ConfigError, match=r"26 characters; .* more than 25 .* --max-digits 26"):
        export(dataset, "paddleocr", tmp_path / "paddleocr")
    assert_untouched(tmp_path / "paddleocr")
    assert export(dataset, "paddleocr", tmp_path / "long", max_digits=26) == 4
    with pytest.raises(ConfigError, match="more than 5 unless"):
        export(dataset, "doctr", tmp_path / "doctr", max_digits=5)
    assert export(dataset, "easyocr", tmp_path / "easyocr") == 4  # takes 34


def test_characters_that_readers_lack_are_refused_before_writing(tiny_config, tmp_path):
    """A space is in no vocabulary of docTR; formats whose readers take it have it in the text."""
    splits = {"train": {"numbers": {"values": ["50 %", "1 234"]}, "samples": 4}}
    build(tiny_config(splits=splits), tmp_path / "dataset")
    dataset = open_dataset(tmp_path / "dataset")
    assert (dataset.alphabet, dataset.classes) == ("0123456789% ", "0123456789%")
    message = (
        r"expected numbers of 0 1 .* £ A-Z, which readers of doctr take, got space among them; "
    )
    with pytest.raises(ConfigError, match=message):
        export(dataset, "doctr", tmp_path / "doctr")
    assert_untouched(tmp_path / "doctr")
    assert export(dataset, "paddleocr", tmp_path / "paddleocr") == 4
    lines = (tmp_path / "paddleocr/train.txt").read_text().splitlines()
    assert [line.partition("\t")[2] for line in lines] == ["50 %", "1 234"] * 2
    assert (tmp_path / "paddleocr/digits.txt").read_text().endswith("9\n%\n \n")


def test_missing_package_is_told_before_writing(dataset, tmp_path, monkeypatch):
    """A format that needs a package which is not there is refused with what to install."""
    monkeypatch.setattr("digit_sequence.exports.fit.find_spec", lambda _: None)
    with pytest.raises(ConfigError, match="export to lmdb: expected the package lmdb, got"):
        export(dataset, "lmdb", tmp_path / "lmdb")
    assert_untouched(tmp_path / "lmdb")


def test_boxes_that_are_absent_are_refused(dataset, tmp_path, monkeypatch):
    """A dataset without boxes cannot become one for detection."""
    columns = [column for column in dataset.columns if column != "boxes"]
    monkeypatch.setattr(type(dataset), "columns", columns)
    for kind in ("yolo", "coco"):
        with pytest.raises(ConfigError, match=r"needs the label columns .* got none of boxes"):
            export(dataset, kind, tmp_path / kind)
        assert_untouched(tmp_path / kind)


def test_foreign_folder_is_refused(dataset, built, tmp_path):
    """A folder with other files, another format or another dataset is left as it is."""
    (tmp_path / "thesis.tex").write_text("")
    with pytest.raises(OutputError, match=r"expected an empty folder .* thesis\.tex among them"):
        export(dataset, "doctr", tmp_path)
    export(dataset, "doctr", tmp_path / "doctr")
    before = read_tree(tmp_path / "doctr")
    with pytest.raises(OutputError, match="holds another export: format doctr there, mmocr here"):
        export(dataset, "mmocr", tmp_path / "doctr")
    other = open_dataset(built(container="webdataset", image="jpeg"))
    with pytest.raises(OutputError, match="holds another export: digest"):
        export(other, "doctr", tmp_path / "doctr")
    assert read_tree(tmp_path / "doctr") == before


def test_failing_shard_is_exported_again(dataset, exported, tmp_path):
    """A shard whose file cannot be written is tried again after the others."""
    place = tmp_path / "train/images/train-000000007.png"
    assert (exported("doctr") / place.relative_to(tmp_path)).exists()
    seen = []

    def clear(_samples, is_new):
        seen.append(is_new)
        if is_new and place.is_dir():
            place.rmdir()

    with open_scheduler(SchedulerOptions("synchronous")) as run:
        request = Export(dataset, "doctr", tmp_path)
        with pytest.raises(BuildStopped):
            export_dataset(request, run, should_stop=lambda: True)  # claims the folder
        place.mkdir(parents=True)
        assert export_dataset(request, run, clear) == 17
    assert seen == [False, True, True, True, True]
    assert read_tree(tmp_path) == read_tree(exported("doctr"))


def test_damaged_shard_stops_an_export(tiny_config, tmp_path):
    """A damaged image is found, not passed on; the other shards are kept."""
    build(tiny_config(**ALL_TRANSFORMS), tmp_path / "dataset")
    path = tmp_path / "dataset/images/train/train-00001.tar"
    path.write_bytes(bytes(path.stat().st_size))
    with pytest.raises(BuildError, match=r"1 of 4 parts failed.*train-00001\.tar: row 0 of shard"):
        export(open_dataset(tmp_path / "dataset"), "doctr", tmp_path / "out")
    assert len(list((tmp_path / "out/train/images").iterdir())) == 7
    assert not (tmp_path / "out/train/labels.json").exists()


def test_command_line(dataset, tmp_path):
    """The command exports, says how much, and tells what a user must know."""
    arguments = ["export", dataset.uri, "--to", "easyocr", "-o", str(tmp_path / "out")]
    command = [sys.executable, "-m", "digit_sequence", *arguments, "--scheduler", "synchronous"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert (done.returncode, done.stderr) == (0, "")
    assert "17 samples, 17 of them exported now" in done.stdout
    assert "dtype=str" in done.stdout
    wrong = [*command[:-3], "s3://bucket/out", *command[-2:]]
    done = subprocess.run(wrong, capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 2
    assert done.stderr.startswith("error: output: expected a folder that is mounted here")


@pytest.mark.parametrize(("kind", "limit"), [("doctr", 32), ("mmocr", 38)])
def test_numbers_that_models_would_cut(tiny_config, tmp_path, kind, limit):
    """Numbers beyond what a reader's models take are refused, those up to it are not."""
    for n_digits in (limit, limit + 1):
        splits = {"train": {"numbers": {"values": ["0" * n_digits]}, "samples_per_number": 1}}
        folder = tmp_path / str(n_digits)
        build(tiny_config(splits=splits), folder)
        if n_digits == limit:
            assert export(open_dataset(folder), kind, tmp_path / "out") == 1
            continue
        with pytest.raises(ConfigError, match=f"cut those of more than {limit} unless"):
            export(open_dataset(folder), kind, tmp_path / "refused")
        assert_untouched(tmp_path / "refused")


def parse_fields(data):
    """Yield number and content of the fields of a protocol buffer, by its own rules."""
    position = 0

    def read_integer():
        nonlocal position
        value = shift = 0
        while True:
            byte = data[position]
            position += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    while position < len(data):
        tag = read_integer()
        assert tag & 7 == 2
        n_bytes = read_integer()
        yield tag >> 3, data[position : position + n_bytes]
        position += n_bytes


def read_tfrecord(path):
    """Yield the features of each record of a TFRecord file, checksums compared bit by bit."""

    def check(data, masked):
        word = 0xFFFFFFFF
        for byte in data:
            word ^= byte
            for _ in range(8):
                word = word >> 1 ^ (0x82F63B78 if word & 1 else 0)
        word ^= 0xFFFFFFFF
        expected = (((word >> 15) | (word << 17)) + 0xA282EAD8) % 2**32
        assert int.from_bytes(masked, "little") == expected

    data = path.read_bytes()
    while data:
        n_bytes = int.from_bytes(data[:8], "little")
        check(data[:8], data[8:12])
        check(data[12 : 12 + n_bytes], data[12 + n_bytes : 16 + n_bytes])
        ((_, features),) = parse_fields(data[12 : 12 + n_bytes])
        found = {}
        for _, entry in parse_fields(features):
            (_, name), (_, feature) = parse_fields(entry)
            ((kind, values),) = parse_fields(feature)
            found[name.decode()] = (kind, [content for _, content in parse_fields(values)])
        yield found
        data = data[16 + n_bytes :]


def test_tfrecord(dataset, exported):
    """TFRecord files give back each sample, in order, with sound checksums."""
    for name, split in dataset.items():
        found = [
            record
            for path in sorted((exported("tfrecord") / name).glob("*.tfrecord"))
            for record in read_tfrecord(path)
        ]
        assert len(found) == len(split)
        rows = split.labels(["number", "key", "boxes", "height"]).to_pylist()
        images = split.read_encoded(range(len(split)))
        for record, row, image in zip(found, rows, images, strict=True):
            assert record["image/encoded"] == (1, [image])
            assert record["text"] == (1, [row["number"].encode()])
            assert record["key"] == (1, [row["key"].encode()])
            assert record["digit"] == (3, [bytes(map(int, row["number"]))])
            tops = np.frombuffer(record["bbox/ymin"][1][0], "<f4") * row["height"]
            assert np.allclose(tops, [box["top"] for box in row["boxes"]], atol=1e-4)
