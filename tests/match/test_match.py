"""A folder of crops becomes a config: known settings are found again, and bad folders refused."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import partial
from pathlib import Path
from shutil import copytree

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from digit_sequence.base.errors import PipelineError
from digit_sequence.building.sampler import open_sampler
from digit_sequence.cli.program import main
from digit_sequence.config.loading import load_config, parse_config
from digit_sequence.config.looks import write_out_looks
from digit_sequence.match.config import write_config
from digit_sequence.match.crops import Crop, read_crops
from digit_sequence.match.figures import count_digits, find_parts, measure_crops
from digit_sequence.match.match import build_crops, match_folder
from digit_sequence.match.ranges import start_ranges

BOUNDS = {
    "line.levels.paper": 12,
    "line.levels.ink": 0.18,
    "line.height.share": 0.08,
    "line.slant.degrees": 6,
    "line.gap.mean": 0.13,
    "line.tilt.degrees": 2,
    "line.noise.sigma": 2.5,
}
"""How far the middle of a range that is found may be from that of the range that was built."""


def write_crops(folder: Path, look: str, over: dict, count: int = 48) -> Path:
    """Build crops in a look with other settings, with their labels; return their table."""
    tree = {
        "look": look,
        "source": {"name": "mnist-5k"},
        "canvas": {"height": 40, "width": [40, 260]},
        "splits": {"train": {"samples": count, "numbers": {"random": {"lengths": [3, 5]}}}},
        **over,
    }
    config = parse_config(write_out_looks(tree, "look", Path()), "look")
    rendered = open_sampler(config).draw("train", 0, count)
    folder.mkdir()
    rows, starts = ["file,number,boxes"], rendered.recipes.starts
    for b, (image, number) in enumerate(zip(rendered.cut(), rendered.recipes.numbers, strict=True)):
        Image.fromarray(image).save(folder / f"{number}_{b}.png")
        boxes = rendered.boxes[starts[b] : starts[b + 1]].tolist()
        texts = (f"{left} {top} {right - left} {low - top}" for top, left, low, right in boxes)
        rows.append(f"{number}_{b}.png,{number},{';'.join(texts)}")
    table = folder.parent / f"{folder.name}.csv"
    table.write_text("\n".join(rows))
    return table


@pytest.fixture(scope="module")
def scans(tmp_path_factory):
    """Write plain crops, and return their folder."""
    folder = tmp_path_factory.mktemp("crops") / "scans"
    write_crops(folder, "scan", {})
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("has_labels", [False, True])
@pytest.mark.parametrize(
    ("look", "known"),
    [
        (
            "scan",
            {
                "line.levels.paper": (225, 235),
                "line.levels.ink": (0.2, 0.3),
                "line.height.share": (0.65, 0.75),
                "line.slant.degrees": (12, 18),
                "line.gap.mean": (0.15, 0.25),
                "line.tilt.degrees": (1, 2),
                "line.noise.sigma": (4, 6),
            },
        ),
        (
            "cheque",
            {
                "line.levels.paper": (185, 195),
                "line.levels.ink": (0.2, 0.3),
                "line.height.share": (0.7, 0.8),
                "line.slant.degrees": (-12, -6),
                "line.gap.mean": (0.05, 0.15),
                "line.tilt.degrees": (-2, -1),
            },
        ),
    ],
)
def test_known_settings_are_found_again(tmp_path, look, known, has_labels):
    """The middle of each range is that which was built, within the stated bounds."""
    over: dict = {"line": {}}
    for place, ends in known.items():
        _, name, key = place.split(".")
        over["line"].setdefault(name, {})[key] = list(ends)
    table = write_crops(tmp_path / "crops", look, over)
    found = match_folder(tmp_path / "crops", str(table) if has_labels else None)
    off = {place: np.mean(found.ranges[place]) - np.mean(ends) for place, ends in known.items()}
    bounds = BOUNDS if has_labels else BOUNDS | {"line.tilt.degrees": 3}  # marks count as digits
    assert {place: by for place, by in off.items() if abs(by) > bounds[place]} == {}


def test_command_writes_config_and_sheet(tmp_path, monkeypatch, scans):
    """Both are written, the config is sound, and what is no image is named."""
    monkeypatch.chdir(tmp_path)
    # How good it is, others see.
    monkeypatch.setattr("digit_sequence.match.match.N_CORRECTIONS", 1)
    monkeypatch.setattr("digit_sequence.match.match.build_crops", partial(build_crops, count=40))
    (scans / "notes.txt").write_text("of the scanner")
    done = CliRunner().invoke(main, ["match", str(scans), "-o", "c.yaml", "--labels", "names"])
    (scans / "notes.txt").unlink()
    assert done.exit_code == 0, done.output
    assert "scans: left out, for it is no image: 'notes.txt'\n" in done.stderr
    assert "\ntouching " not in done.stdout  # of which only boxes tell
    config = load_config("c.yaml")
    assert config.canvas.height == 40
    numbers = config.splits["train"].numbers.kind
    drawn = numbers.open(config.seed, "train").take(np.arange(1000))
    assert {*map(len, drawn)} == {3, 4, 5}
    real = [path.name.partition("_")[0] for path in scans.iterdir()]
    of_real, of_drawn = (np.mean([it[0] == "0" for it in some]) for some in (real, drawn))
    assert of_real == pytest.approx(of_drawn, abs=0.002)
    with Image.open("c.png") as sheet:
        assert sheet.width == 1900
    Path("c.yaml").write_text("old")
    words = ["match", str(scans), "-o", "c.yaml", "--labels", "names", "--overwrite"]
    assert CliRunner().invoke(main, words).exit_code == 0
    assert load_config("c.yaml") == config


def test_outliers_make_no_bad_config(scans):
    """One crop of a far longer number, or strokes of less than a row: the config builds images."""
    crops, _ = read_crops(scans)
    numbers = [*(crop.name.partition("_")[0] for crop in crops[1:]), "1 " * 20 + "1"]
    labelled = [replace(crop, number=it) for crop, it in zip(crops, numbers, strict=True)]
    measured = measure_crops(labelled)
    ranges = start_ranges(measured, 4.0) | {"glyph.pen.width": (0.02, 0.02)}
    text = write_config(measured, ranges, 40, "scans", has_boxes=False)
    assert len(build_crops(text, has_boxes=False, count=8)) == 8


def test_label_file_is_pointed_at(tmp_path, scans):
    """A file of labels among the crops is told of, unless it is the one that is given."""
    folder = copytree(scans, tmp_path / "crops")
    names = sorted(path.name for path in folder.iterdir())
    rows = [f"{name},{name.partition('_')[0]}" for name in names]
    (folder / "labels.csv").write_text("\n".join(["file,number", *rows]))
    (folder / "sizes.csv").write_text("file,size\n")
    table = folder / "labels.csv"
    first, second = read_crops(folder)[1]
    assert first == f"{folder}: left out, for it is no image: 'labels.csv', 'sizes.csv'"
    assert second == f"{table} has labels: give --labels {table} to use them"
    assert read_crops(folder, str(table))[1] == [first.replace("'labels.csv', ", "")]


@pytest.mark.parametrize("name", ["c.yaml", "c.png"])
def test_what_is_there_is_kept(tmp_path, monkeypatch, name):
    """A config or sheet that is there is refused before crops are looked at."""
    monkeypatch.chdir(tmp_path)
    Path(name).write_text("mine")
    words = ["match", "none", "-o", "c.yaml"]
    kept = CliRunner().invoke(main, words)
    assert kept.exit_code == 2
    assert kept.stderr == (
        f"error: --output: {name} is there already; name another, or give --overwrite to "
        "replace it\n"
    )
    replaced = CliRunner().invoke(main, [*words, "--overwrite"])
    assert replaced.stderr == "error: none: expected a folder of images, got none\n"
    assert [path.read_text() for path in tmp_path.iterdir()] == ["mine"]


def test_bright_ink_is_measured_as_its_negative(scans):
    """Negatives have the figures of what they are negatives of."""
    crops, _ = read_crops(scans)
    dark = measure_crops(crops)
    bright = measure_crops([Crop(crop.name, 255 - crop.image) for crop in crops])
    assert (dark.bright, bright.bright) == (0, 1)
    for name, values in dark.figures.items():
        assert np.allclose(values, bright.figures[name], atol=1e-6), name


def test_parts_of_ink():
    """Strokes above one another are one part, specks none, and a wide part is two digits."""
    mask = np.zeros((30, 80), bool)
    mask[5:25, 4:16] = True
    mask[1:3, 6:15] = True  # above it, too low for a part
    mask[6:14, 30:40] = mask[16:26, 31:39] = True  # one digit, broken
    mask[20, 45] = True
    mask[5:25, 50:76] = True
    boxes = find_parts(mask)
    assert boxes.tolist() == [[5, 4, 25, 16], [6, 30, 26, 40], [5, 50, 25, 76]]
    assert count_digits(np.array([[0, 0, 20, 12], [0, 20, 20, 52]])) == 3


def test_touching_pairs_by_hand():
    """A pair touches whose inks are one part; to share columns is not enough."""
    image = np.full((32, 90), 200.0)
    boxes = [[4, left, 28, left + 8] for left in (6, 14, 26, 32, 54)]
    for _, left, _, _ in boxes:
        image[4:28, left : left + 3] = 60
    image[12:15, 9:14] = 60  # a bar from the first to the second
    image[4:7, 29:34] = image[4:28, 32:35] = 200  # the third and the fourth share columns:
    image[25:28, 29:34] = 60  # the foot of the third is below
    image[4:20, 36:39] = 60  # the stroke of the fourth
    crop = Crop("x", image, "11111", np.array(boxes, float))
    assert measure_crops([crop]).figures["touching"].tolist() == [0.25]
    assert not len(measure_crops([Crop("x", image)]).figures["touching"])


def _write_photos(folder: Path, smoothness: float) -> None:
    """Write pictures without a line of ink: clouds or, with less smoothness, noise."""
    from scipy.ndimage import gaussian_filter

    for k in range(10):
        noise = np.random.default_rng(k).normal(size=(60, 160))
        cloud = gaussian_filter(noise, smoothness)
        grey = 255 * (cloud - cloud.min()) / np.ptp(cloud)
        Image.fromarray(grey.astype(np.uint8)).save(folder / f"{k}.png")


@pytest.mark.parametrize("kind", ["none", "empty", "few", "photos", "noise", "blank", "broken"])
def test_bad_folders_are_refused(tmp_path, kind, scans):
    """One message says what was expected and what there is."""
    folder = tmp_path / "crops"
    if kind != "none":
        folder.mkdir()
    if kind in ("few", "broken"):
        for path in sorted(scans.glob("*.png"))[: 7 if kind == "few" else 12]:
            (folder / path.name).write_bytes(path.read_bytes())
    if kind in ("photos", "noise"):
        _write_photos(folder, 12 if kind == "photos" else 0)
    if kind == "blank":
        for k in range(9):
            Image.new("L", (90, 30), 255).save(folder / f"{k}.png")
    if kind == "broken":
        (folder / "x.png").write_bytes(b"\x89PNG\r\n\x1a\nnothing")
    message = {
        "none": "expected a folder of images, got none",
        "empty": "at least 8 images of numbers, got 0",
        "few": "at least 8 images of numbers, got 7",
        "photos": "expected lines of digits, dark or bright on an even ground, got",
        "noise": "expected lines of digits, dark or bright on an even ground, got",
        "blank": "got 9 of 9 images without",
        "broken": "x.png: expected an image file, got",
    }[kind]
    with pytest.raises(PipelineError, match=re.escape(message)):
        match_folder(folder)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("name,text\n", "expected the columns file, number"),
        ("file,number\nother.png,12\n", "expected a row for each image"),
        ("file,number\n{all},9\n{first},9\n", "expected one row for"),
        ("file,number\n{all},9\nother.png,12\n", "expected the name of an image in"),
        ("file,number\n{all},9\nx.png,12a\n", "number: expected a string of digits 0-9 and . ,"),
        ("file,number\n{all},9\nx.png,-.\n", "number: expected a digit or a letter, got '-.'"),
        ("file,number\n{all},9\nx.png,1  2\n", "number: expected spaces one by one"),
        ("file,number\n{all},9\nx.png,1,2\n", "expected no more values than columns"),
        ("file,number,boxes\n{all},9,1 2 3 4;5 6 7 8\n", "for each character of 9"),
        ("file,number,boxes\n{all},9,1 2 3\n", "left top width height"),
        ("file,number,boxes\n{all},9,900 2 3 9\n", "expected boxes within the"),
    ],
)
def test_labels_that_do_not_fit_are_refused(tmp_path, scans, table, message):
    """The message names the file, and the line where there is one."""
    names = sorted(path.name for path in scans.glob("*.png"))
    lines = []
    for line in table.splitlines():
        lines += [line.replace("{all}", name) for name in names] if "{all}" in line else [line]
    path = tmp_path / "labels.csv"
    path.write_text("\n".join(lines).replace("{first}", names[0]))
    with pytest.raises(PipelineError, match=re.escape(message)) as caught:
        read_crops(scans, str(path))
    assert str(caught.value).startswith(str(path))


def test_signs_of_labels_are_not_measured(tmp_path, scans):
    """Labels and boxes with signs give the figures of the digits alone."""
    crops, _ = read_crops(scans, "names")
    path = tmp_path / "labels.csv"
    tables = {}
    for has_signs in (False, True):
        lines = ["file,number,boxes"]
        for crop in crops:
            boxes = [f"{12 * n} 4 10 {20 + n}" for n in range(len(crop.number))]
            number = crop.number
            if has_signs:
                number, boxes = f"-{number[:1]} {number[1:]}", ["0 0 3 2", *boxes]
            lines.append(f"{crop.name},{number},{';'.join(boxes)}")
        path.write_text("\n".join(lines))
        measured = measure_crops(read_crops(scans, str(path))[0])
        tables[has_signs] = {name: it.tolist() for name, it in measured.figures.items()}
        assert measured.lengths == [len(crop.number) for crop in crops]
    assert tables[True] == tables[False]


def test_names_that_are_no_labels(tmp_path, scans):
    """A name has to begin with a number and something that is neither digit nor letter."""
    folder = tmp_path / "crops"
    folder.mkdir()
    for path in sorted(scans.glob("*.png"))[:9]:
        (folder / f"a{path.name}").write_bytes(path.read_bytes())
    with pytest.raises(PipelineError, match="expected a name that begins with its number"):
        read_crops(folder, "names")
