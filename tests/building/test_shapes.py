"""Datasets with masks and polygons of their digits: rows, boxes, verification, exports."""

from __future__ import annotations

import json
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from numpy.testing import assert_array_equal
from skimage.morphology import dilation

from builds import ALL_TRANSFORMS, build, read_rows
from conftest import find_extent
from digit_sequence.base.errors import ConfigError
from digit_sequence.building import row_checks
from digit_sequence.building.sampler import open_output, open_sampler
from digit_sequence.building.shard import pack_shard
from digit_sequence.building.verify import verify_dataset
from digit_sequence.codec.polygons import find_area
from digit_sequence.codec.run_lengths import decode_mask
from digit_sequence.exports.run import Export, export_dataset
from digit_sequence.read.dataset import open_dataset
from digit_sequence.run.schedulers import SchedulerOptions, open_scheduler
from digit_sequence.store.storage import Storage

BOTH = {"masks": "rle", "polygons": True}
SQUARE = np.ones((3, 3))
TOUCHING = {"spacing": [-20, -8]}


def find_problems(folder):
    """Verify a dataset, all of it drawn again; return the reasons of its problems."""
    with open_scheduler(SchedulerOptions("synchronous")) as run:
        result = verify_dataset(Storage(str(folder)), run, redraw=100)
    return [problem.reason for problem in result.problems]


def export(dataset, kind, folder):
    """Export a dataset."""
    with open_scheduler(SchedulerOptions("synchronous")) as run:
        export_dataset(Export(dataset, kind, folder), run)
    return folder


@pytest.fixture
def shaped(tiny_config, tmp_path):
    """Build a dataset of images of many widths whose digits overlap."""
    config = tiny_config(labels=BOTH, line=TOUCHING, canvas={"width": [40, 160]})
    build(config, tmp_path / "out")
    return tmp_path / "out"


def test_masks_recompute_boxes_and_the_image(shaped):
    """Each mask has its box; all together are the ink of the image, and polygons are the same."""
    assert find_problems(shaped) == []
    n_shared = 0
    for split in open_dataset(str(shaped)).values():
        for sample in split:
            boxes = [find_extent(mask) for mask in sample.masks]
            assert boxes == [tuple(box[1:]) for box in sample.boxes.tolist()]
            assert_array_equal(sample.masks.any(axis=0), sample.image > 0)
            areas = [find_area(polygons) for polygons in sample.label["polygons"]]
            assert areas == sample.masks.sum(axis=(1, 2)).tolist()
            n_shared += int((sample.masks.sum(axis=0) > 1).sum())
    assert n_shared > 0  # masks overlap where digits do


def test_masks_recompute_contacts(tiny_config):
    """Masks give the gaps between boxes, and meet where visible ink does: faint ink is ink too."""
    line = {"touch": {"pixels": [1, 3], "probability": 0.5}}
    sampler = open_sampler(tiny_config(labels={"masks": "rle"}, line=line))
    found = set()
    for shard in sampler.plan.shards():
        packed, _ = pack_shard(sampler, shard)
        for row in packed.rows.to_pylist():
            masks = [decode_mask(text, row["height"], row["width"]) for text in row["masks"]]
            boxes = list(map(find_extent, masks))
            gaps = [0, *(here[1] - before[3] for before, here in pairwise(boxes))]
            assert gaps == row["gap_columns"]
            for (before, here), contact in zip(pairwise(masks), row["contact"][1:], strict=True):
                meets = [bool((it & here).any()) for it in (before, dilation(before, SQUARE))]
                assert sum(meets) >= contact
                found.add((sum(meets), contact))
    assert {(0, 0), (2, 2)} <= found


@pytest.mark.parametrize("labels", [{}, {"masks": "rle"}, {"polygons": True}, BOTH])
def test_only_what_is_asked_for(tiny_config, tmp_path, labels):
    """Columns are there as asked for; all others, and images, are as without."""
    plain, shaped = (
        pack_shard(sampler, sampler.plan.splits["train"].shard(0))
        for sampler in (open_sampler(tiny_config(labels=it)) for it in ({}, labels))
    )
    assert {*shaped[0].rows.column_names} - {*plain[0].rows.column_names} == {*labels}
    assert shaped[0].files == plain[0].files
    assert shaped[0].rows.select(plain[0].rows.column_names).equals(plain[0].rows)
    if not labels:
        assert shaped[1] == plain[1]


@pytest.mark.parametrize("container", ["webdataset", "parquet", "files"])
def test_all_transforms_and_containers(tiny_config, tmp_path, container):
    """With every transform, in every container, also beside each image in full."""
    pytest.importorskip("numba", reason="needs numba")
    output = {"container": container}
    if container == "webdataset":
        output["sidecar"] = "full"
    config = tiny_config(**ALL_TRANSFORMS, labels=BOTH, output=output)
    build(config, tmp_path / "out")
    assert find_problems(tmp_path / "out") == []
    packed = []
    for engine in ("skimage", "numba"):
        sampler = open_sampler(config, engine)
        packed.append(pack_shard(sampler, sampler.plan.splits["train"].shard(0)))
    assert packed[0][0].files == packed[1][0].files
    assert packed[0][1] == packed[1][1]


@pytest.mark.parametrize(
    ("column", "damage", "reason"),
    [
        ("masks", lambda text: text[:-1] + "~", "row 0: masks: expected run"),
        ("masks", lambda text: "o0" + text[2:], "row 0: masks: expected"),
        (
            "polygons",
            lambda it: [[*it[0][:-1], it[0][-1] + 90]],
            "row 0: polygons: expected the box",
        ),
    ],
)
def test_damaged_shapes(shaped, column, damage, reason):
    """Shapes that do not give the boxes are found, whatever digests say."""
    sampler = open_output(Storage(str(shaped)))
    shard = sampler.plan.splits["train"].shard(0)
    rows = pq.ParquetFile(shaped / f"labels/train/{shard.name}.parquet").read()
    assert list(row_checks.check_shapes(rows)) == []
    place = rows.column_names.index(column)
    values = rows[column].to_pylist()
    values[0][0] = damage(values[0][0])
    changed = rows.set_column(place, rows.field(place), pa.array(values, rows.field(place).type))
    (found,) = row_checks.check_shapes(changed)
    assert reason in found


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # of pycocotools
@pytest.mark.parametrize("labels", [{"masks": "rle"}, {"polygons": True}, BOTH])
def test_coco(tiny_config, tmp_path, labels):
    """The package reads the annotations: masks are those of the labels, and their areas."""
    coco = pytest.importorskip("pycocotools.coco", reason="needs pycocotools")
    build(tiny_config(labels={**BOTH}, line=TOUCHING), tmp_path / "all")
    build(tiny_config(labels=labels, line=TOUCHING), tmp_path / "out")
    whole = open_dataset(str(tmp_path / "all"))["train"]
    folder = export(open_dataset(str(tmp_path / "out")), "coco", tmp_path / "coco")
    path = folder / "annotations/instances_train.json"
    index = coco.COCO(str(path))
    for image, sample in zip(index.loadImgs(index.getImgIds()), whole, strict=True):
        found = index.loadAnns(index.getAnnIds(imgIds=image["id"]))
        assert_array_equal([index.annToMask(it) for it in found], sample.masks)
        assert [it["area"] for it in found] == sample.masks.sum(axis=(1, 2)).tolist()
    kinds = {type(it["segmentation"]) for it in json.loads(path.read_text())["annotations"]}
    assert kinds == {list if "polygons" in labels else dict}


def test_coco_without_shapes(tiny_config, tmp_path):
    """Of a dataset without either the annotations have boxes alone."""
    build(tiny_config(), tmp_path / "out")
    folder = export(open_dataset(str(tmp_path / "out")), "coco", tmp_path / "coco")
    tree = json.loads((folder / "annotations/instances_train.json").read_text())
    assert not any("segmentation" in it for it in tree["annotations"])


def test_yolo_seg(shaped, tmp_path):
    """A line for each digit: its class, then corners in shares, whose extent is the box."""
    dataset = open_dataset(str(shaped))
    folder = export(dataset, "yolo-seg", tmp_path / "yolo")
    for sample in dataset["train"]:
        lines = (folder / f"labels/train/{sample.key}.txt").read_text().splitlines()
        for line, (digit, top, left, bottom, right) in zip(
            lines, sample.boxes.tolist(), strict=True
        ):
            kind, *shares = line.split()
            assert int(kind) == digit
            height, width = sample.image.shape
            points = np.array(shares, float).reshape(-1, 2) * [width, height]
            assert_array_equal(points.min(axis=0).round(2), [left, top])
            assert_array_equal(points.max(axis=0).round(2), [right, bottom])
    assert (folder / "data.yaml").is_file()
    assert len(list((folder / "images/train").iterdir())) == len(dataset["train"])


def test_yolo_seg_needs_polygons(tiny_config, tmp_path):
    """Of a dataset without polygons it is refused, with the key that brings them."""
    build(tiny_config(labels={"masks": "rle"}), tmp_path / "out")
    with pytest.raises(ConfigError, match=r"none of polygons; nothing .* labels\.polygons: true"):
        export(open_dataset(str(tmp_path / "out")), "yolo-seg", tmp_path / "yolo")
    assert not (tmp_path / "yolo").exists()


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ({"masks": "png"}, "labels.masks: expected 'rle'"),
        ({"polygons": "yes"}, "labels.polygons: expected"),
        ({"mask": "rle"}, "labels.mask: unknown key; expected one of masks, polygons"),
    ],
)
def test_bad_labels(tiny_config, labels, message):
    """What is no such setting is refused."""
    with pytest.raises(ConfigError, match=message):
        tiny_config(labels=labels)


def test_rows_of_nested_lists(shaped):
    """Label rows are plain Parquet: any reader gets the lists."""
    rows = read_rows(shaped)
    kind = rows.schema.field("polygons").type
    assert str(kind.value_type.value_type.value_type) == "int16"
    assert all(len(row["polygons"]) == len(row["number"]) for row in rows.to_pylist())
