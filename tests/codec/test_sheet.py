"""What notebooks show of a dataset, of a split and of a config."""

from __future__ import annotations

import base64
import io
import re

import numpy as np
from PIL import Image

from digit_sequence.building.sampler import open_sampler
from digit_sequence.codec.sheet import SHOWN, write_sheet
from digit_sequence.read.dataset import open_dataset


def read_sheet(text):
    """Return the numbers of a sheet and their images."""
    found = re.findall(
        r'<img alt="([^"]*)"[^>]* src="data:image/(?:png|jpeg);base64,([^"]*)">', text
    )
    return [
        (number, np.asarray(Image.open(io.BytesIO(base64.b64decode(encoded)))))
        for number, encoded in found
    ]


def check_same(tiles, samples):
    """Compare the tiles of a sheet with samples."""
    assert [number for number, _ in tiles] == [sample.number for sample in samples]
    for (_, image), sample in zip(tiles, samples, strict=True):
        assert np.array_equal(image, sample.image)


def test_dataset_and_splits(built):
    """A dataset shows the first samples of each split, a split its own."""
    dataset = open_dataset(built())
    text = dataset._repr_html_()
    assert f"of {len(dataset['train'])} samples of train" in text
    firsts = [split[place] for split in dataset.values() for place in range(len(split))[:SHOWN]]
    check_same(read_sheet(text), firsts)
    part = dataset["train"].where(number="007")
    check_same(read_sheet(part._repr_html_()), list(part)[:SHOWN])
    assert read_sheet(dataset["train"].where(number="nothing")._repr_html_()) == []


def test_sampler(tiny_config):
    """A sampler draws the first samples of each split of its config."""
    sampler = open_sampler(tiny_config())
    tiles = read_sheet(sampler._repr_html_())
    drawn = sampler.draw("train", 0, 12)
    assert [number for number, _ in tiles[:12]] == list(drawn.recipes.numbers)
    assert np.array_equal(tiles[3][1], drawn.images[3])
    assert len(tiles) == 12 + 5


def test_text_is_escaped():
    """Markup in a number is text, whatever it holds; so is what would turn or hide text."""
    text = write_sheet({"<b>": [('"><script>\u202e', b"\xff\xd8")]})
    assert "&lt;b&gt;" in text
    assert 'alt="&quot;&gt;&lt;script&gt;\\u202e"' in text
    assert "<script>" not in text
    assert "data:image/jpeg;base64,/9g=" in text
