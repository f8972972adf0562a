"""A report beside real crops, and beside what a network reads."""

from __future__ import annotations

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

pytest.importorskip("altair", reason="needs the extra report")

from builds import build
from digit_sequence.cli.program import main
from digit_sequence.match.crops import read_crops
from digit_sequence.read.dataset import open_dataset
from digit_sequence.report.panels.measured import Measures
from digit_sequence.report.panels.reading import Readings
from digit_sequence.report.scene import Scene
from digit_sequence.report.subject import BuiltSubject
from digit_sequence.store.storage import Storage


@pytest.fixture(scope="module")
def folder(tiny_config, tmp_path_factory):
    """Return a dataset of dark ink on paper."""
    out = tmp_path_factory.mktemp("compared")
    numbers = {"random": {"lengths": [2, 3], "balance": True}}
    splits = {name: {"numbers": numbers, "samples": 12} for name in ("train", "val", "test")}
    levels = {"levels": {"paper": [200, 220], "ink": [0.1, 0.3]}}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DIGIT_SEQUENCE_CACHE", str(out / "cache"))
        build(tiny_config(splits=splits, canvas={"width": 96}, line=levels), out / "out")
    return out / "out"


def write_crops(folder, crops, change=lambda image: image):
    """Write the images of a dataset as files, each changed."""
    crops.mkdir()
    for split in open_dataset(folder).values():
        for sample in split:
            Image.fromarray(change(sample.image)).save(crops / f"{sample.key}.png")
    return crops


def compare(folder, crops, weights=None):
    """Return what there is to compare."""
    subject = BuiltSubject(Storage(str(folder)))
    samples = {name: len(split) for name, split in open_dataset(folder).items()}
    found = None if crops is None else read_crops(crops, None, subject.image_shape[0])[0]
    return Scene(subject, samples, None, found, weights)


def read_distances(panel, scene):
    """Return how far the figures are apart, in the order of the table."""
    (table,) = (it for it in panel.show(scene) if type(it).__name__ == "Table")
    return {row[0]: float(row[1]) for row in table.rows}


def test_same_images_do_not_differ(folder, tmp_path):
    """Beside its own images no figure of a dataset differs."""
    panel = Measures()
    distances = read_distances(panel, compare(folder, write_crops(folder, tmp_path / "crops")))
    assert set(distances.values()) == {0.0}
    (fact,) = panel.list_facts()
    assert fact.value.startswith("0 of ")
    assert fact.verdict == "good"


def test_what_differs_comes_first(folder, tmp_path):
    """Crops on darker paper differ in its level by 1, and in what follows from it."""

    def darken(image):
        return (image.astype(float) * 0.6).astype(np.uint8)

    panel = Measures()
    scene = compare(folder, write_crops(folder, tmp_path / "crops", darken))
    distances = read_distances(panel, scene)
    assert distances["paper"] == 1.0
    assert distances["digit_height"] < 0.1
    order = [value for name, value in distances.items() if name not in ("bright", "ruled")]
    assert order == sorted(order, reverse=True)
    assert panel.list_facts()[0].verdict == "bad"


def test_command_with_crops(folder, tmp_path):
    """`--against` shows both, and how far they are apart."""
    crops = write_crops(folder, tmp_path / "crops")
    page = tmp_path / "page.html"
    result = CliRunner().invoke(
        main, ["report", str(folder), "--against", str(crops), "-o", str(page)]
    )
    assert result.exit_code == 0, result.output
    text = page.read_text()
    assert "Where they differ most" in text
    assert "Built images" in text


@pytest.mark.extras
def test_what_a_network_cannot_read(folder, tmp_path):
    """Of each kind of image as many are wrong as the network reads wrong; the surest are shown."""
    pytest.importorskip("torch", reason="needs the extra torch")
    from digit_sequence.learn.reader import Reader
    from digit_sequence.learn.records import TrainOptions
    from digit_sequence.learn.training import Run, train

    run = Run(open_dataset(folder), tmp_path / "run", TrainOptions(epochs=1, batch_size=8))
    list(train(run, lambda _samples: None))
    panel = Readings()
    note, table, gallery = panel.show(compare(folder, None, run.folder))
    reader = Reader(run.folder)
    wrong = {
        name: sum(reader.read(sample.image).number != sample.number for sample in split)
        for name, split in open_dataset(folder).items()
    }
    rows = {row[0]: row[1:3] for row in table.rows}
    assert {name: rows[name] for name in wrong} == {name: [12, wrong[name]] for name in wrong}
    assert note.text.startswith("Of 36 images, evenly spread, ")
    assert len(gallery.tiles) == min(24, sum(wrong.values()))
    assert all(tile.caption.startswith("read as ") for tile in gallery.tiles)
    told = f"{sum(wrong.values()) / 36:.2%}"
    assert panel.list_facts()[0].value == told
