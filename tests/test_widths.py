"""Images as wide as their line: from the config to what readers get."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from builds import build
from digit_sequence.base.errors import ConfigError, OutputError
from digit_sequence.building.sampler import open_sampler
from digit_sequence.building.verify import verify_dataset
from digit_sequence.codec.decoding import decode_image
from digit_sequence.codec.encoding import encode_image
from digit_sequence.containers import CONTAINERS
from digit_sequence.read.dataset import open_dataset
from digit_sequence.run.schedulers import SchedulerOptions, open_scheduler
from digit_sequence.store.storage import Storage
from rendering import MakeConfig

NUMBERS = {"values": ["1", "27", "50871", "00000000"]}
SPLITS = {"train": {"numbers": NUMBERS, "samples": 40}}
CANVAS = {"height": 28, "width": [40, 120]}


def make_lines(tiny_config: MakeConfig, **rest: Any) -> Any:
    """Return a config of images of 40 to 120 columns."""
    return tiny_config(splits=SPLITS, canvas=CANVAS, **rest)


@pytest.mark.parametrize("align", ["left", "center", "right"])
def test_an_image_is_as_wide_as_its_line(tiny_config: MakeConfig, align: str) -> None:
    """Ink begins and ends at the edges of an image, but of those that have the bounds' widths."""
    config = make_lines(tiny_config, glyph={"crop": {}}, line={"spacing": [2, 2]}).model_copy(
        deep=True
    )
    canvas = config.canvas.model_copy(update={"align": align})
    rendered = open_sampler(config.model_copy(update={"canvas": canvas})).draw("train", 0, 40)
    widths = rendered.widths
    assert widths.min() == 40
    assert widths.max() == 120
    free = (widths > 40) & (widths < 120)
    assert free.sum() >= 5
    starts = rendered.recipes.starts
    lefts, rights = rendered.boxes[starts[:-1], 1], rendered.boxes[starts[1:] - 1, 3]
    assert (lefts[free] <= 1).all()
    assert (widths[free] - rights[free] <= 1).all()
    assert (rendered.scaled <= (widths == 120)).all()
    assert (rendered.boxes[:, 3] <= np.repeat(widths, np.diff(starts))).all()
    for image, width in zip(rendered.images, widths, strict=True):
        assert not image[:, width:].any()


@given(low=st.integers(8, 300), more=st.integers(0, 300))
def test_widths_are_within_their_bounds(tiny_config: MakeConfig, low: int, more: int) -> None:
    """No image is narrower or wider than asked for, and the engines agree."""
    high = max(low + more, 40)
    config = tiny_config(splits=SPLITS, canvas={"width": [low, high]}, line={"spacing": [0, 9]})
    first, second = (open_sampler(config, engine).draw("train", 0, 20) for engine in ENGINES)
    assert low <= first.widths.min() <= first.widths.max() <= high
    assert first.widths.tolist() == second.widths.tolist()
    assert (first.images == second.images).all()


ENGINES = ("skimage", "numba")


@pytest.mark.parametrize("container", CONTAINERS)
def test_build_read_verify(tiny_config: MakeConfig, tmp_path: Path, container: str) -> None:
    """A dataset of such images is sound, and read as it was drawn: alone, in batches, encoded."""
    config = make_lines(tiny_config, output={"container": container, "shard_samples": 15})
    build(config, tmp_path / "dataset")
    with open_scheduler(SchedulerOptions("synchronous")) as run:
        assert verify_dataset(Storage(str(tmp_path / "dataset")), run).problems == ()
    split = open_dataset(tmp_path / "dataset", check_pixels=True)["train"]
    drawn = list(open_sampler(config).draw("train", 0, 40).cut())
    assert len({image.shape for image in drawn}) > 3
    for position, image in enumerate(drawn):
        sample = split[position]
        assert np.array_equal(sample.image, image)
        assert (sample.label["height"], sample.label["width"]) == image.shape
    for first, batch in zip(range(0, 40, 8), split.batches(8), strict=True):
        expected = drawn[first : first + 8]
        assert batch.widths.tolist() == [image.shape[1] for image in expected]
        assert batch.images.shape == (8, 28, max(batch.widths))
        for found, image in zip(batch.images, expected, strict=True):
            assert np.array_equal(found[:, : image.shape[1]], image)
            assert not found[:, image.shape[1] :].any()
    encoded = split.read_encoded(range(40))
    assert all(np.array_equal(decode_image(e), i) for e, i in zip(encoded, drawn, strict=True))
    assert split.dataset.image_shape == (28, 120)


def test_samples_are_those_of_any_batch(tiny_config: MakeConfig) -> None:
    """A sample drawn alone has the width and the pixels that it has among others."""
    sampler = open_sampler(make_lines(tiny_config))
    together = list(sampler.draw("train", 0, 40).cut())
    for ordinal in range(0, 40, 7):
        (alone,) = sampler.draw("train", ordinal, ordinal + 1).cut()
        assert np.array_equal(alone, together[ordinal])


def test_equal_bounds_are_one_width(tiny_config: MakeConfig) -> None:
    """[160, 160] draws what 160 draws."""
    first, second = (
        open_sampler(tiny_config(splits=SPLITS, canvas={"width": width})).draw("train", 0, 40)
        for width in (160, [160, 160])
    )
    assert np.array_equal(first.images, second.images)
    assert second.widths.tolist() == [160] * 40


@pytest.mark.parametrize(
    "width",
    [7, 8193, [7, 60], [60, 8193], [60, 40], [40], [40, 60, 80], [40.0, 60], True, "60", None],
)
def test_wrong_widths_are_refused(tiny_config: MakeConfig, width: object) -> None:
    """What is no width, and no range of widths, is told of by its key."""
    with pytest.raises(ConfigError, match=r"canvas\.width: expected 8 to 8,192 columns"):
        tiny_config(canvas={"width": width})


def test_an_image_of_another_width_is_found(tiny_config: MakeConfig, tmp_path: Path) -> None:
    """An image that is not as wide as its label row says is refused by the reader."""
    folder = tmp_path / "dataset"
    build(make_lines(tiny_config, output={"container": "files", "image": "jpeg"}), folder)
    split = open_dataset(folder)["train"]
    label = split[0].label
    path = folder / label["file"]
    other = encode_image(np.zeros((28, label["width"] + 1), np.uint8), "jpeg", 50)
    path.write_bytes(other + bytes(path.stat().st_size - len(other)))
    with pytest.raises(OutputError, match=f"28 x {label['width']} pixels .* an image of shape"):
        split[0]


@pytest.mark.extras
def test_training_batches_are_padded(tiny_config: MakeConfig, tmp_path: Path) -> None:
    """Batches for CTC say each image's columns; the network reads no digit beside an image."""
    torch = pytest.importorskip("torch")
    from digit_sequence.learn.batches import BLANK, collate
    from digit_sequence.learn.network import count_all_steps
    from digit_sequence.learn.streams import NumberDataset

    build(make_lines(tiny_config), tmp_path / "dataset")
    split = open_dataset(tmp_path / "dataset")["train"]
    examples = NumberDataset(split).__getitems__(list(range(12)))
    batch = collate(examples)
    widths = [split[position].image.shape[1] for position in range(12)]
    assert batch.input_widths.tolist() == widths
    assert batch.images.shape == (12, 1, 28, max(widths))
    for image, width, position in zip(batch.images, widths, range(12), strict=True):
        expected = torch.from_numpy(split[position].image / np.float32(255))
        assert torch.equal(image[0, :, :width], expected)
        assert not image[0, :, width:].any()
    steps = count_all_steps(batch.images, batch.input_widths)
    assert steps.tolist() == [-(-round(width * 32 / 28) // 4) for width in widths]
    assert BLANK == 0
