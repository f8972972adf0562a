"""Numbers with signs and spaces: places, boxes and masks, and both engines."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from builds import ALL_TRANSFORMS, drop_records, read_rows, read_tree
from conftest import draw_bank, make_pool
from digit_sequence.base.characters import CHARACTERS, DIGITS, SIGNS
from digit_sequence.building.dataset import build_dataset
from digit_sequence.building.sampler import open_sampler
from digit_sequence.building.verify import verify_dataset
from digit_sequence.config.loading import parse_config
from digit_sequence.config.looks import write_out_looks
from digit_sequence.read.dataset import open_dataset
from digit_sequence.run.schedulers import SchedulerOptions, open_scheduler
from digit_sequence.sources.signs import add_signs
from digit_sequence.store.storage import Storage
from rendering import draw, render_samples

NUMBERS = ["-1,234.50", "12:45", "$1", "31/12/2026", "(5+3)=8", "50 %", "# 7", "\N{EURO SIGN}9,-"]


@pytest.fixture(scope="module")
def signs():
    """Return a bank of digits and all signs, and the pool of all its glyphs."""
    bank = draw_bank()
    bank, pools = add_signs(bank, {"train": make_pool(bank)}, CHARACTERS)
    return bank, pools["train"]


def render(config, signs, *numbers):
    """Render some numbers; return the boxes of each."""
    rendered = render_samples(config, *signs, [(number, 0) for number in numbers])
    return np.split(rendered.boxes, rendered.recipes.starts[1:-1])


@pytest.mark.parametrize("crop", [None, {"margin": 0}])
@pytest.mark.parametrize("height", [1.0, 0.5])
def test_signs_keep_size_and_place_beside_digits(tiny_config, signs, crop, height):
    """Cropped or not, a dot is small and at the foot, a hyphen is flat and half way up."""
    line = {"height": {"share": [height, height]}, "spacing": [2, 6]}
    config = tiny_config(canvas={"height": 64, "width": 400}, glyph={"crop": crop}, line=line)
    for boxes in render(config, signs, *["8.8-8,8"] * 1):
        eight, dot, _, hyphen, _, comma, _ = boxes.astype(float)
        tall = eight[2] - eight[0]
        assert dot[2] - dot[0] < 0.4 * tall
        assert abs(dot[2] - eight[2]) < 0.15 * tall
        assert hyphen[2] - hyphen[0] < 0.5 * tall
        assert eight[0] + 0.2 * tall < hyphen[0] < hyphen[2] < eight[2] - 0.1 * tall
        assert comma[0] > eight[0] + 0.5 * tall


def test_comma_descends_where_the_canvas_has_room(tiny_config, signs):
    """A low line has commas below its foot; on a canvas without room they are fitted."""
    feet = {}
    for share in (0.5, 1.0):
        glyph, line = {"crop": {}}, {"height": {"share": [share, share]}, "spacing": [2, 2]}
        config = tiny_config(canvas={"height": 64, "width": 400}, glyph=glyph, line=line)
        numbers = ["8,8"]
        samples = [(number, index) for number in numbers for index in range(30)]
        boxes = render_samples(config, *signs, samples).boxes.reshape(-1, 3, 4)
        feet[share] = (boxes[:, 1, 2] - boxes[:, 0, 2]) / (64 * share)
    assert np.median(feet[0.5]) > 0.08
    assert abs(np.median(feet[1.0])) < 0.04


@pytest.mark.parametrize("look", ["cheque", "form", "photo", "scan"])
def test_dots_are_seen_and_commas_told_from_them(tiny_config, signs, look):
    """On any paper a dot is about as dark as the digits beside it; a comma is higher and longer."""
    line = dict.fromkeys(("separators", "leading", "trailing"))
    tree = {**tiny_config().model_dump(mode="json"), "look": look, "glyph": {}, "line": line}
    tree["canvas"] = {"height": 40, "width": 200}
    config = parse_config(write_out_looks(tree, look, Path()), look)
    rendered = render_samples(
        config, *signs, [(f"8{sign}35", index) for sign in ".," for index in range(40)]
    )
    contrasts, heights, inks = np.empty((3, 80))
    layers = list(rendered.layers)
    for sample, image in enumerate(rendered.images):
        own = rendered.boxes[4 * sample : 4 * sample + 4]
        paper = np.median(image[:, : rendered.widths[sample]])
        ink, *digits = (
            abs(paper - np.percentile(abs(image[top:bottom, left:right] - paper) + paper, 90))
            for top, left, bottom, right in own[[1, 0, 2, 3]].tolist()
        )
        contrasts[sample] = ink / np.median(digits)
        heights[sample] = own[1, 2] - own[1, 0]
        inks[sample] = layers[4 * sample + 1].sum() / 255
    assert np.percentile(contrasts, 5) > 0.6
    assert inks.min() > 2
    for values in (heights, inks):
        dots, commas = np.sort(values.reshape(2, 40))
        assert np.median(commas) > 1.4 * np.median(dots)
        assert commas[4] > np.median(dots)


@pytest.mark.parametrize(("height", "width"), [(16, 0.07), (28, 0.05), (28, 0.1), (28, 0.2)])
def test_dots_are_pressed(tiny_config, signs, height, width):
    """Dots and commas are wider than the pen by a fifth, 0.11 of the height and two pixels."""
    glyph = {"pen": {"width": [width, width]}, "ink_texture": {"skips": [0.3, 0.3]}}
    config = tiny_config(canvas={"height": height, "width": 400}, glyph=glyph)
    rendered = render_samples(config, *signs, [("8.1,2:-5", 0)])
    drawn = rendered.recipes.drawn["stroke_width"]
    assert set(drawn[[0, 2, 4, 6, 7]]) == {round(height * width, 2)}
    assert set(drawn[[1, 3, 5]]) == {max(round(height * max(1.2 * width, 0.11), 2), 2)}
    layers = list(rendered.layers)
    assert min(layers[place].max() for place in (1, 3, 5)) == 255  # the pen skips none of them
    assert min(layer[layer > 0].min() for layer in layers) > 0


def test_a_space_is_a_gap(tiny_config, signs):
    """A space has neither glyph nor box; the digit behind it stands farther away."""
    config = tiny_config(canvas={"height": 40, "width": 400}, line={"spacing": [3, 3]})
    recipes = draw(config, signs[1], [("50 %", 0), ("50%", 0), ("1 2 3", 0)])
    assert recipes.starts.tolist() == [0, 3, 6, 9]
    assert "".join(CHARACTERS[code] for code in recipes.digits) == "50%50%123"
    assert recipes.identities.spaced.nonzero()[0].tolist() == [2, 7, 8]
    rendered = render_samples(config, *signs, [("50 %", 0), ("50%", 0)])
    spacing = rendered.recipes.drawn["spacing"].reshape(2, 3)
    assert spacing[1].tolist() == [0, 3, 3]
    assert spacing[0, :2].tolist() == [0, 3]
    assert 3 + 0.2 * 40 < spacing[0, 2] < 3 + 0.6 * 40


def test_digits_alone_are_drawn_as_without_signs(tiny_config, signs):
    """Glyphs of signs in bank and pool change no number of digits."""
    config = tiny_config(**ALL_TRANSFORMS)
    bank = draw_bank()
    plain = render_samples(config, bank, make_pool(bank), [("90210", 3)])
    beside = render_samples(config, *signs, [("90210", 3)])
    assert (plain.images == beside.images).all()
    together = render_samples(config, *signs, [("90210", 3), ("1 %", 0)])
    assert (plain.images[0] == together.images[0]).all()


def test_marks_leave_signs_alone(tiny_config, signs):
    """No separator, leading or trailing mark is put to a number that has its own."""
    marks = {"separators": {}, "leading": {}, "trailing": {}}
    config = tiny_config(canvas={"width": 300}, line=marks)
    drawn = draw(config, signs[1], [("$1234-", 0), ("-1234", 0), ("12345", 0)]).drawn
    assert [bool(it) for it in drawn["separator"]] == [False, False, True]
    assert [bool(it) for it in drawn["leading"]] == [False, False, True]
    assert [bool(it) for it in drawn["trailing"]] == [False, True, True]


def test_engines_build_the_same_with_signs(tiny_config, tmp_path):
    """Both engines give the same bytes, masks and polygons recompute the boxes, all is sound."""
    pytest.importorskip("numba")
    splits = {
        "train": {"numbers": {"values": NUMBERS}, "samples_per_number": 3},
        "test": {"numbers": {"pattern": {"regex": r"-?[1-9]\d?[.,]\d\d?"}}, "samples": 6},
    }
    config = tiny_config(**ALL_TRANSFORMS, splits=splits, labels={"masks": "rle", "polygons": True})
    for engine in ("skimage", "numba"):
        with open_scheduler(SchedulerOptions("synchronous")) as run:
            build_dataset(open_sampler(config, engine), Storage(str(tmp_path / engine)), run)
    trees = [read_tree(tmp_path / engine) for engine in ("skimage", "numba")]
    assert drop_records(trees[0]) == drop_records(trees[1])
    rows = read_rows(tmp_path / "numba").to_pylist()
    for row in rows:
        characters = row["number"].replace(" ", "")
        assert "".join(CHARACTERS[box["digit"]] for box in row["boxes"]) == characters
        assert row["n_digits"] == len(row["masks"]) == len(row["glyph_ids"]) == len(characters)
        assert row["digits"] == "".join(it for it in row["number"] if it in DIGITS)
    with open_scheduler(SchedulerOptions("synchronous")) as run:
        result = verify_dataset(Storage(str(tmp_path / "numba")), run)
    assert (result.problems, result.is_quick) == ((), False)
    dataset = open_dataset(tmp_path / "numba")
    assert dataset.alphabet == (DIGITS + SIGNS + " ").replace("\N{POUND SIGN}", "")
    train = dataset["train"]
    assert {sample.number for sample in train.where(digit="%")} == {"50 %"}
    assert {sample.number for sample in train.where(digit=["#", 4])} >= {"# 7", "12:45"}
    assert train[0].characters == "-1,234.50"


def test_signs_that_nobody_can_draw_are_refused(tiny_config):
    """Numbers of unknown characters name the character and what there is."""
    with pytest.raises(ValueError, match=r"and space, got 'é' \(U\+00E9\) in '1é'"):
        parse_config(
            {
                **tiny_config().model_dump(mode="json"),
                "splits": {"train": {"numbers": {"values": ["1é"]}, "samples": 1}},
            },
            "c.yaml",
        )
