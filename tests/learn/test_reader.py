"""The reader of crops: it reads what it was taught as `train` says, and refuses what is no crop."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import shutil
from collections import Counter
from dataclasses import asdict

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

from builds import build
from digit_sequence.base.errors import OutputError
from digit_sequence.cli.program import main
from digit_sequence.cli.read import WAYS as NAMED_WAYS
from digit_sequence.read.dataset import open_dataset

torch = pytest.importorskip("torch", reason="needs the extra torch")
from digit_sequence.learn.batches import BLANK  # noqa: E402
from digit_sequence.learn.crop_files import load_crop  # noqa: E402
from digit_sequence.learn.crops import (  # noqa: E402
    WAYS,
    Taught,
    find_levels,
    measure_images,
    prepare_crop,
)
from digit_sequence.learn.decoding import score_numbers  # noqa: E402
from digit_sequence.learn.reader import Reader  # noqa: E402
from digit_sequence.learn.records import TrainOptions  # noqa: E402
from digit_sequence.learn.report import (  # noqa: E402
    Reading,
    count_confusions,
    find_edits,
    measure_bounds,
)
from digit_sequence.learn.training import Run, train  # noqa: E402
from digit_sequence.learn.training_report import write_report  # noqa: E402

pytestmark = pytest.mark.extras
TAUGHT = Taught(height=32, width=96, paper=180, ink=90)


@pytest.fixture(scope="module")
def taught(tiny_config, tmp_path_factory):
    """Teach a network; return its run, its report and a folder of the images of test."""
    out = tmp_path_factory.mktemp("reader")
    numbers = {"random": {"lengths": [1, 2], "balance": True}}
    sizes = {"train": 48, "val": 9, "test": 23}
    splits = {name: {"numbers": numbers, "samples": size} for name, size in sizes.items()}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DIGIT_SEQUENCE_CACHE", str(out / "cache"))
        build(tiny_config(splits=splits, canvas={"width": 72}), out / "dataset")
    dataset = open_dataset(out / "dataset")
    run = Run(
        dataset, out / "run", TrainOptions(epochs=40, batch_size=8, patience=40, learning_rate=4e-3)
    )
    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)  # several wait for each other where cores are shared
    list(train(run, lambda _samples: None))
    torch.set_num_threads(n_threads)
    (out / "crops").mkdir()
    with (out / "crops/labels.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["file", "number", "by"])
        for sample in dataset["test"]:
            Image.fromarray(sample.image).save(out / "crops" / f"{sample.key}.png")
            table.writerow([f"{sample.key}.png", sample.number, "me"])
    return run.folder, write_report(run, {}), out / "crops"


@pytest.fixture
def crops(taught, tmp_path):
    """Return a copy of the folder of crops, to change."""
    return shutil.copytree(taught[2], tmp_path / "crops")


def parse(text):
    """Return the rows of a CSV text."""
    return list(csv.DictReader(io.StringIO(text)))


def read(*arguments, status=0):
    """Run the command."""
    result = CliRunner().invoke(main, ["read", *map(str, arguments)])
    assert result.exit_code == status, result.output
    return result


def test_reads_as_the_report_says(taught, tmp_path):
    """Images of the dataset, as files, are read as the training run has read them."""
    folder, report, crops = taught
    labels = crops / "labels.csv"
    out = tmp_path / "out"
    shown = read(
        folder, crops, "--labels", labels, "--way", "grey", "-o", out, "--min-confidence=1e-9"
    )
    result = json.loads((out / "report.json").read_text())
    expected = report["results"]["test"]
    assert expected["exact_match"] > 0.2
    assert {name: result[name] for name in expected} == expected
    assert f"exact match {expected['exact_match']:.2%} (" in shown.stdout
    for digits, row in expected["by_length"].items():
        assert f"{digits}: {row['exact_match']:.2%} of {row['samples']}" in shown.stdout
    n_edits = sum(confusion["count"] for confusion in result["confusions"])
    n_digits = sum(int(digits) * it["samples"] for digits, it in expected["by_length"].items())
    assert n_edits == round(expected["character_error_rate"] * n_digits)
    rows = parse((out / "readings.csv").read_text())
    truths = {row["file"]: row["number"] for row in parse(labels.read_text())}
    right = [truths[row["file"]] == row["number"] for row in rows]
    assert sum(right) / len(right) == expected["exact_match"]
    assert all((row["status"] == "empty") == (row["number"] == "") for row in rows)
    assert {row["status"] for row in rows} <= {"read", "check", "empty"}
    assert (out / "mistakes.png").exists() == (not all(right))


def test_a_space_that_is_not_read_is_named(taught, tmp_path):
    """Of a label with a space, which the network does not know, the space is said to be lacking."""
    folder, _, crops = taught
    one = next(crops.glob("*.png"))
    labels = tmp_path / "labels.csv"
    labels.write_text(f"file,number\n{one.name},1 2\n")
    shown = read(folder, one, "--labels", labels)
    assert re.search(r"digits read wrong: .*space (left out|as)", shown.stderr)


def test_all_ways_read(taught):
    """Each way, and all together, read a good part of the images; the table is printed."""
    folder, _, crops = taught
    truths = {row["file"]: row["number"] for row in parse((crops / "labels.csv").read_text())}
    for option in (["--careful"], ["--way=levels"], ["--way=ground"]):
        shown = read(folder / "best.pt", crops, *option, "--min-confidence", "0.5")
        rows = parse(shown.stdout)
        assert [row["file"] for row in rows] == sorted(truths)
        assert np.mean([truths[row["file"]] == row["number"] for row in rows]) > 0.15
        for row in rows:
            is_sure = float(row["confidence"]) >= 0.5
            assert row["status"] == (("read" if is_sure else "check") if row["number"] else "empty")
        assert "note: left out, no images by their names (1): labels.csv" in shown.stderr


def test_polarity_and_size_do_not_matter(taught):
    """Dark ink on paper reads as bright ink on black does, and as it does enlarged."""
    folder, _, crops = taught
    reader = Reader(folder)
    paths = sorted(crops.glob("*.png"))[:12]
    images = [load_crop(path) for path in paths]
    plain = [reader.read(image) for image in images]
    assert [reader.read(255 - image) for image in images] == plain
    height, width = images[0].shape
    larger = [
        np.asarray(Image.fromarray(image).resize((3 * width, 3 * height), Image.Resampling.BICUBIC))
        for image in images
    ]
    again = [reader.read(image).number for image in larger]
    assert np.mean([a == b.number for a, b in zip(again, plain, strict=True)]) > 0.7


def test_careful_takes_the_likeliest_under_all_ways(taught):
    """A careful reader's number has the highest sum of log likelihoods of those read."""
    folder, _, crops = taught
    careful = Reader(folder, tuple(WAYS))
    for path in sorted(crops.glob("*.png"))[:5]:
        crop = load_crop(path)
        single = {Reader(folder, (way,)).read(crop).number for way in WAYS}
        with torch.inference_mode():
            images = [prepare_crop(crop, way, careful.taught) / np.float32(255) for way in WAYS]
            scores = [careful.model(torch.tensor(image)[None, None])[0] for image in images]
        logs = {
            number: [
                float(score_numbers(each[None], torch.tensor([len(each)]), [number]))
                for each in scores
            ]
            for number in single
        }
        reading = careful.read(crop)
        assert sum(logs[reading.number]) == pytest.approx(max(map(sum, logs.values())), rel=1e-3)
        assert reading.confidence == pytest.approx(np.exp(logs[reading.number]).mean(), rel=1e-2)


# -- preparation -----------------------------------------------------------------------------------


def test_ways_have_their_names():
    """The command names all ways, and prefers the first."""
    assert tuple(WAYS) == NAMED_WAYS


@pytest.mark.parametrize("ink", [20, 90, 250])
def test_levels_are_found(ink):
    """Paper and ink of a bar on noisy paper are found, be the ink dark or bright."""
    noise = np.random.default_rng(1).normal(0, 4, (40, 120))
    image = 150 + noise
    image[10:32, 50:55] = ink + noise[10:32, 50:55]
    found = find_levels(image.clip(0, 255).astype(np.uint8))
    assert found == pytest.approx((150, ink), abs=6)


def test_levels_become_those_of_the_dataset():
    """Paper and ink of a crop get the levels of the dataset, whatever they were."""
    crop = np.full((64, 100), 40, np.uint8)
    crop[10:50, 40:50] = 200
    page = prepare_crop(crop, "levels", TAUGHT)
    assert page.shape == (32, 96)
    assert (page[0, 0], page[15, 22], page[5, -1]) == (180, 90, 180)
    assert prepare_crop(crop, "grey", TAUGHT)[0, 0] == 215
    tight = prepare_crop(crop, "tight", TAUGHT)
    assert (tight < 135).any(axis=1).sum() > (page < 135).any(axis=1).sum()
    small = prepare_crop(crop, "small", TAUGHT)
    assert (small < 135).any(axis=1).sum() < (page < 135).any(axis=1).sum()
    uneven = (255 - crop) - np.linspace(0, 60, 100, dtype=np.uint8)
    flat = prepare_crop(uneven, "ground", TAUGHT)
    assert np.ptp(flat[1, :48].astype(int)) < np.ptp(
        prepare_crop(uneven, "levels", TAUGHT)[1, :48].astype(int)
    )


@settings(max_examples=40)
@given(
    crop=arrays(np.uint8, st.tuples(st.integers(4, 70), st.integers(4, 200))),
    way=st.sampled_from(sorted(WAYS)),
)
def test_any_crop_becomes_a_line(crop, way):
    """Crops of all sizes and contents become images of the dataset, as wide or wider."""
    page = prepare_crop(crop, way, TAUGHT)
    assert page.dtype == np.uint8
    assert page.shape[0] == 32
    assert page.shape[1] >= 96


def test_a_dataset_of_both_is_known_by_most():
    """Where some images have bright ink, levels are those of the majority."""
    dark = np.full((32, 60), 200, np.uint8)
    dark[8:24, 20:24] = 50
    found = measure_images([dark, 255 - dark, dark], 32, 60)
    assert found == Taught(32, 60, paper=200, ink=50)


def test_bounds_by_hand():
    """Wilson's interval of none in ten is 0 to z^2 / (10 + z^2)."""
    bounds = measure_bounds(Reading(["1"] * 10, ["7"] * 10, [0.5] * 10))
    assert bounds["exact_match"] == pytest.approx([0, 3.8416 / 13.8416])
    assert bounds["character_error_rate"] == [1, 1]


def test_confusions_by_hand():
    """What was read as what is counted, digits left out and put in among it."""
    readings = {"17": "77", "71": "77", "100": "10", "5": "", "42": "942", "4": "4", "12": "21"}
    found = count_confusions(Reading([*readings], [*readings.values()], [0.5] * 7))
    rows = [(it["digit"], it["read_as"], it["count"]) for it in found]
    assert set(rows[1:5]) <= {
        ("0", "", 1),
        ("5", "", 1),
        ("", "9", 1),
        ("1", "2", 1),
        ("2", "1", 1),
    }
    assert sum(count for *_, count in rows) == 7


@given(st.text("0123", max_size=6), st.text("0123", max_size=6))
def test_edits_make_one_of_the_other(truth, prediction):
    """The edits applied to the truth, in their order, give the prediction; none does nothing."""
    edits = find_edits(truth, prediction)
    assert all(digit != found for digit, found in edits)
    assert abs(len(truth) - len(prediction)) <= len(edits) <= max(len(truth), len(prediction))
    left = Counter(digit for digit, _ in edits if digit)
    added = Counter(found for _, found in edits if found)
    assert Counter(truth) - left + added == Counter(prediction)


# -- refusals --------------------------------------------------------------------------------------


def _save(image, kind, **options):
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


SMALL = Image.new("L", (40, 20), 200)
BROKEN = {
    "empty": (b"", "expected 1 to .* bytes, got 0"),
    "text": (b"hello", "expected a PNG, JPEG, TIFF or BMP image, got what is damaged"),
    "cut": (_save(Image.effect_noise((90, 40), 50), "PNG")[:400], "is damaged"),
    "animated": (
        _save(SMALL, "PNG", save_all=True, append_images=[SMALL, SMALL.rotate(90)]),
        "one picture, got",
    ),
    "pages": (_save(SMALL, "TIFF", save_all=True, append_images=[SMALL]), "one picture, got 2"),
    "gif": (_save(SMALL, "GIF"), "expected a PNG, JPEG, TIFF or BMP image"),
    "large": (_save(Image.new("1", (9000, 9000)), "PNG"), "at most 67,108,864 pixels, got 9,000"),
    "huge": (_save(Image.new("1", (1 << 16, 5000)), "BMP"), "at most 67,108,864 pixels"),
    "long": (_save(Image.new("L", (4000, 8)), "PNG"), "at most 64 times as wide as high, got 8 x"),
    "dot": (_save(Image.new("L", (2, 2)), "PNG"), "at least 4 pixels high"),
}


@pytest.mark.parametrize("what", BROKEN)
def test_broken_images_are_named(taught, crops, tmp_path, what):
    """The rest is read and written; then what cannot be read is named, and its reason."""
    content, reason = BROKEN[what]
    (crops / "a.png").write_bytes(content)
    shown = read(taught[0], crops, "-o", tmp_path / "out", status=2)
    assert "error: 1 of 24 images cannot be read:\n  a.png: " in shown.stderr
    assert "  a.png: expected" in shown.stderr
    rows = parse((tmp_path / "out/readings.csv").read_text())
    assert len(rows) == 24
    assert (rows[0]["file"], rows[0]["number"]) == ("a.png", "")
    with pytest.raises(OSError, match=reason):
        load_crop(crops / "a.png")


def test_broken_images_count_as_wrong(taught, crops, tmp_path):
    """With labels, a file that cannot be read is one that is read wrong, and is drawn."""
    for path in sorted(crops.glob("*.png")):
        path.write_bytes(b"")
    shown = read(
        taught[0], crops, "--labels", crops / "labels.csv", "-o", tmp_path / "out", status=2
    )
    assert "exact match 0.00% (" in shown.stdout
    files = "readings.csv, report.json, mistakes.png"
    assert shown.stdout.endswith(f"in {tmp_path / 'out'}: {files}\n")
    assert "23 of 23 images cannot be read" in shown.stderr
    assert "and 18 more" in shown.stderr
    assert (tmp_path / "out/mistakes.png").exists()


def test_readings_are_not_replaced(taught, crops, tmp_path):
    """Readings that are there are left alone without --overwrite, and a run always."""
    place = tmp_path / "out"
    place.mkdir()
    (place / "readings.csv").write_text("checked by hand")
    shown = read(taught[0], crops, "-o", place, status=2)
    assert "holds readings.csv already; choose another --output, or --overwrite" in shown.stderr
    assert (place / "readings.csv").read_text() == "checked by hand"
    for more in ((), ("--overwrite",)):
        shown = read(taught[0], crops, "-o", taught[0], *more, status=2)
        assert "holds a run, whose report a reading would replace" in shown.stderr
    (place / "report.json").write_text("of others")
    shown = read(taught[0], crops, "-o", place, "--overwrite")
    assert len(parse((place / "readings.csv").read_text())) == 23
    told = f"{place}: not of these readings, which have no labels: report.json\n"
    assert told in shown.stderr


def test_output_is_made_first(taught, crops, tmp_path):
    """What can be no folder is refused before an image is read."""
    (tmp_path / "out").write_text("mine")
    shown = read(taught[0], crops, "-o", tmp_path / "out", status=2)
    assert shown.stderr.endswith("out: expected a folder to write to: File exists\n")
    assert "no number was found" not in shown.stderr


def test_places_without_images_are_refused(taught, tmp_path):
    """An empty folder, one without images and a place that is not there are one message each."""
    (tmp_path / "none").mkdir()
    assert "got a folder without any" in read(taught[0], tmp_path / "none", status=2).stderr
    (tmp_path / "none/a.txt").touch()
    assert "got none of them: a.txt" in read(taught[0], tmp_path / "none", status=2).stderr
    assert "got nothing there" in read(taught[0], tmp_path / "lost", status=2).stderr
    twice = read(taught[0], taught[2], taught[2], status=2).stderr
    assert "expected images of different names" in twice


def test_files_that_are_none_are_named(taught, crops):
    """A pipe with the name of an image is not waited for."""
    os.mkfifo(crops / "pipe.png")
    assert "pipe.png: expected a file" in read(taught[0], crops, status=2).stderr


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "line 1: expected the columns file and number, got ''"),
        ("name,number\na,1\n", "expected the columns file and number, got 'name,number'"),
        ("file,number\n", "expected a label at least"),
        ("file,number\na.png,12a\n", "line 2: number: expected digits 0 to 9 and . , "),
        ("file,number\na.png\n", "space, got ''"),
        ("file,number\na.png,1\na.png,2\n", "line 3: file: expected each file once, got 'a.png'"),
        ("file,number\nlost.png,1\n", "1 files of its labels are not there: lost.png"),
        ("file,number\ntest-000000000.png,1\n", "expected a label for each image, got none for"),
        ("file,number\n\xff", "expected a file of labels in UTF-8"),
    ],
)
def test_labels_that_do_not_fit_are_refused(taught, tmp_path, text, reason):
    """One message, before anything is read."""
    (tmp_path / "labels.csv").write_bytes(text.encode("latin-1"))
    shown = read(taught[0], taught[2], "--labels", tmp_path / "labels.csv", status=2)
    assert reason in shown.stderr
    assert shown.stdout == ""


class Evil:
    """Runs a command when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.system, (f"touch {self.path}",)


@pytest.mark.parametrize(
    "what",
    ["text", "code", "old", "network", "alphabet", "tall", "level", "shape", "nan", "missing"],
)
def test_wrong_weights_are_refused(taught, tmp_path, what):
    """Weights of another network, alphabet or version, or that run code, are one message."""
    path = tmp_path / "weights.pt"
    saved = torch.load(taught[0] / "best.pt", weights_only=True)
    known = saved["taught"]
    if what == "nan":
        saved["model"]["classify.bias"][0] = torch.nan
    content = {
        "code": saved | {"model": Evil(tmp_path / "ran")},
        "old": saved["model"],
        "network": saved | {"network": "fine"},
        "alphabet": saved | {"taught": known | {"alphabet": "0123456789,"}},
        "tall": saved | {"taught": known | {"height": 10**9}},
        "level": saved | {"taught": known | {"paper": float("nan")}},
        "shape": saved | {"model": saved["model"] | {"classify.bias": torch.zeros(12)}},
        "nan": saved,
    }
    if what == "text":
        path.write_text("weights")
    elif what != "missing":
        torch.save(content[what], path)
    shown = read(path, taught[2], status=2)
    assert shown.stderr.count("error: ") == 1
    expected = "the weights of a run" if what == "missing" else "a checkpoint of this program"
    assert f"weights.pt: expected {expected}" in shown.stderr
    assert "name the best.pt of a run" in shown.stderr
    assert not (tmp_path / "ran").exists()
    with pytest.raises(OutputError, match=rf"weights\.pt: expected {expected}"):
        Reader(path)


def test_images_without_a_number(taught, crops, tmp_path):
    """Weights that find nothing: the status says so, however sure they are, and all are counted."""
    saved = torch.load(taught[0] / "best.pt", weights_only=True)
    saved["model"]["classify.bias"][BLANK] = 1e4
    torch.save(saved, tmp_path / "blank.pt")
    (crops / "a.png").write_bytes(b"")
    with (crops / "labels.csv").open("a") as file:
        print("a.png,1,me", file=file)
    labels = ["--labels", crops / "labels.csv"]
    shown = read(tmp_path / "blank.pt", crops, *labels, "-o", tmp_path / "out", status=2)
    rows = parse((tmp_path / "out/readings.csv").read_text())
    assert rows[0]["status"].startswith("expected")
    assert {(row["number"], row["confidence"], row["status"]) for row in rows[1:]} == {
        ("", "1.0000", "empty")
    }
    assert "note: no number was found in 23 of 24 images" in shown.stderr
    assert json.loads((tmp_path / "out/report.json").read_text())["empty"] == 23


def test_guesses_are_to_be_checked(taught, crops, tmp_path):
    """A network that has learned nothing spells digits of no confidence: none of them was read."""
    saved = torch.load(taught[0] / "best.pt", weights_only=True)
    saved["model"]["classify.weight"].zero_()
    saved["model"]["classify.bias"].zero_()[BLANK] = -1e4
    torch.save(saved, tmp_path / "raw.pt")
    shown = read(tmp_path / "raw.pt", crops)
    rows = parse(shown.stdout)
    assert {(bool(row["number"]), row["confidence"], row["status"]) for row in rows} == {
        (True, "0.0000", "check")
    }
    assert f"note: {len(rows)} of {len(rows)} readings are guesses, of confidence 0.0000" in (
        shown.stderr
    )


def test_weights_say_what_they_know(taught):
    """Beside the weights stand the size and the levels of the images they know."""
    reader = Reader(taught[0])
    assert asdict(reader.taught).keys() == {"height", "width", "paper", "ink", "alphabet"}
    assert (reader.taught.width, reader.taught.paper) == (72, 0)
    assert reader.taught.ink > 128
