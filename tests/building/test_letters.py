"""Numbers with letters: glyphs of EMNIST or of folders, labels that follow, on any engine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import imageio.v3 as iio
import numpy as np
import pytest

from builds import ALL_TRANSFORMS, read_rows
from digit_sequence.base.characters import CHARACTERS, DIGITS, LETTERS
from digit_sequence.base.errors import ConfigError
from digit_sequence.building.dataset import build_dataset
from digit_sequence.building.sampler import open_sampler
from digit_sequence.building.verify import verify_dataset
from digit_sequence.config.model import Config
from digit_sequence.read.dataset import open_dataset
from digit_sequence.run.schedulers import SchedulerOptions, open_scheduler
from digit_sequence.store.storage import Storage
from glyph_files import write_emnist
from rendering import MakeConfig

PATTERN = {"pattern": {"regex": r"[A-HJ-NP-Z]{2}[1-9]\d{0,2}(-[A-C])?", "order": "drawn"}}


@pytest.fixture
def emnist(tmp_path: Path) -> dict[str, Any]:
    """Return a block `source` of files in the form of EMNIST, of digits and all letters."""
    write_emnist(tmp_path)
    return {"name": "emnist", "path": str(tmp_path), "subset": "byclass"}


def make(tiny_config: MakeConfig, source: dict[str, Any], **blocks: Any) -> Config:
    """Make a config whose numbers have letters."""
    splits = {
        "train": {"numbers": PATTERN, "samples": 12, "exclude": {"splits": ["test"]}},
        "test": {"numbers": PATTERN, "samples": 6},
    }
    canvas = {"height": 32, "width": 200}
    return tiny_config(source=source, splits=splits, **{"canvas": canvas, **blocks})


def test_letters_of_emnist_are_built_and_read(
    tiny_config: MakeConfig, emnist: dict[str, Any], tmp_path: Path
) -> None:
    """Boxes, glyphs and labels follow the characters; all is sound, and found again."""
    config = make(tiny_config, emnist, **{**ALL_TRANSFORMS, "labels": {"masks": "rle"}})
    sampler = open_sampler(config)
    assert sampler.plan.alphabet == DIGITS + "-" + LETTERS.replace("I", "").replace("O", "")
    with open_scheduler(SchedulerOptions("synchronous")) as run:
        build_dataset(sampler, Storage(str(tmp_path / "out")), run)
        assert verify_dataset(Storage(str(tmp_path / "out")), run).problems == ()
    for row in read_rows(tmp_path / "out").to_pylist():
        assert "".join(CHARACTERS[box["digit"]] for box in row["boxes"]) == row["number"]
        codes = sampler.glyphs.digits[row["glyph_ids"]]
        assert "".join(CHARACTERS[code] for code in codes) == row["number"]
        assert row["digits"] == "".join(it for it in row["number"] if it in DIGITS)
    dataset = open_dataset(tmp_path / "out")
    letter = dataset["train"][0].number[0]
    found = {sample.number for sample in dataset["train"].where(digit=letter)}
    assert found == {it.number for it in dataset["train"] if letter in it.number}
    card = (tmp_path / "out/README.md").read_text(encoding="utf-8")
    assert f"{CHARACTERS.index('A')} `A`" in card


def test_engines_draw_letters_alike(tiny_config: MakeConfig, emnist: dict[str, Any]) -> None:
    """Both engines give the same images."""
    pytest.importorskip("numba")
    config = make(tiny_config, emnist, **ALL_TRANSFORMS)
    images = [
        open_sampler(config, engine).draw("train", 0, 12).images for engine in ("skimage", "numba")
    ]
    assert (images[0] == images[1]).all()


def test_letters_are_as_high_as_digits(tiny_config: MakeConfig, emnist: dict[str, Any]) -> None:
    """A letter is cropped to its ink and fills the line, as a digit does and a sign does not."""
    config = make(tiny_config, emnist, glyph={"crop": {"margin": 0}}, line={"spacing": [2, 2]})
    rendered = open_sampler(config).draw("train", 0, 12)
    heights = rendered.boxes[:, 2] - rendered.boxes[:, 0]
    is_sign = rendered.recipes.digits == CHARACTERS.index("-")
    usual = np.repeat(
        [heights[rendered.recipes.samples == n].max() for n in range(12)],
        np.diff(rendered.recipes.starts),
    )
    assert (heights[~is_sign] >= usual[~is_sign] - 2).all()
    assert is_sign.any()
    assert (heights[is_sign] < usual[is_sign] / 2).all()


def test_letters_that_a_source_lacks_are_refused(tiny_config: MakeConfig, tmp_path: Path) -> None:
    """No pen draws letters: the message says where there are some; folders may have them."""
    digits_alone = tiny_config().source.model_dump(mode="json")
    with pytest.raises(ConfigError, match=r"got A B .*; emnist with subset: byclass has letters"):
        open_sampler(make(tiny_config, digits_alone))
    for place, name in enumerate("0123456789ABC"):
        (tmp_path / "glyphs" / name).mkdir(parents=True)
        for variant in range(6):
            image = np.zeros((28, 28), np.uint8)
            image[4:24, 6 + place : 8 + place + variant] = 255
            iio.imwrite(tmp_path / "glyphs" / name / f"{variant}.png", image)
    source = {"name": "folder", "path": str(tmp_path / "glyphs")}
    splits = {"train": {"numbers": {"values": ["A1", "CAB", "70C"]}, "samples": 3}}
    rendered = open_sampler(tiny_config(source=source, splits=splits)).draw("train", 0, 3)
    assert "".join(CHARACTERS[code] for code in rendered.recipes.digits) == "A1CAB70C"
