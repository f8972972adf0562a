"""Exact match with and without the digits of t10k that people do not read as labelled."""

from __future__ import annotations

import json
from copy import copy, deepcopy
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from PIL import Image

from builds import build
from conftest import draw_bank
from digit_sequence.base.text import count_things
from digit_sequence.cli.program import main
from digit_sequence.learn import doubtful
from digit_sequence.learn.doubtful import Doubtful, measure_both, open_doubtful
from digit_sequence.learn.report import Reading
from digit_sequence.read.dataset import Dataset, open_dataset
from digit_sequence.sources.mnist import DOUBTFUL
from glyph_files import encode_idx

MNIST: dict[str, Any] = {"name": "mnist", "keep_doubtful": True}


def pretend(dataset: Dataset, source: Any) -> Dataset:
    """Return a dataset whose manifest names another source."""
    other = copy(dataset)
    manifest: Any = deepcopy(dict(dataset.manifest))
    manifest["plan"]["config"]["source"] = source
    other.manifest = manifest
    return other


def test_samples_with_a_doubtful_digit() -> None:
    """They are told by their glyphs, and measured with the others and without."""
    found = Doubtful(frozenset({7, 9})).find([[1, 7], [2], [9, 9], [8, 70]])
    assert found.tolist() == [True, False, True, False]
    reading = Reading(["12", "3", "45", "67"], ["13", "3", "45", "68"], [1.0] * 4)
    results = measure_both("test", reading, found)
    assert list(results) == ["test", "test without doubtful"]
    assert [result["exact_match"] for result in results.values()] == [0.5, 0.5]
    assert [result["samples"] for result in results.values()] == [4, 2]
    assert results["test without doubtful"]["character_error_rate"] == pytest.approx(1 / 3)
    for alike in (found & False, found | True):
        assert list(measure_both("test", reading, alike)) == ["test"]


def test_which_digits_are_doubtful(tiny_config: Any, tiny_source: Any, tmp_path: Path) -> None:
    """They are those of MNIST alone, or of a part of a mix; none where they are left out."""
    drawn = draw_bank(size=20, n_per_digit=4)
    (tmp_path / "images").write_bytes(encode_idx(drawn.images))
    (tmp_path / "labels").write_bytes(encode_idx(drawn.digits))
    paths = {name: str(tmp_path / name) for name in ("images", "labels")}
    own = {"name": "idx", **paths, "val_fraction": 0.25, "test_fraction": 0.25}
    parts = {"b": {"source": tiny_source}, "a": {"source": own}}
    build(tiny_config(source={"name": "mix", "parts": parts}), tmp_path / "out")
    dataset = open_dataset(tmp_path / "out")
    left_out = MNIST | {"keep_doubtful": False}
    for source, expected in (
        (own, None),
        (MNIST, {*DOUBTFUL}),
        (left_out, set()),
        ({"name": "mix", "parts": parts}, None),
        (
            {"name": "mix", "parts": {"b": {"source": MNIST}, "a": {"source": own}}},
            {40 + it for it in DOUBTFUL},
        ),
        ({"name": "mix", "parts": {"b": {"source": own}, "a": {"source": MNIST}}}, {*DOUBTFUL}),
        ({"name": "mix", "parts": {"b": {"source": left_out}, "a": {"source": own}}}, set()),
    ):
        found = open_doubtful(pretend(dataset, source))
        assert (None if found is None else found.glyph_ids) == expected
    for strange in ([], {}, {"name": "mix"}, {"name": "mix", "parts": [1]}, "mnist"):
        assert open_doubtful(pretend(dataset, strange)) is None
    (tmp_path / "out/.build/glyphs").unlink()
    kept = {"name": "mix", "parts": {"b": {"source": MNIST}, "a": {"source": own}}}
    assert open_doubtful(pretend(dataset, kept)) is None


@pytest.mark.extras
def test_reports_tell_both(tiny_config: Any, tmp_path: Path, monkeypatch: Any) -> None:
    """The reports of train and read have a result without the samples that show such a digit."""
    torch = pytest.importorskip("torch", reason="needs the extra torch")
    torch.set_num_threads(1)  # several wait for each other where cores are shared
    from digit_sequence.learn.records import TrainOptions
    from digit_sequence.learn.training import Run, train
    from digit_sequence.learn.training_report import write_report

    numbers = {"random": {"lengths": [1, 2]}}
    sizes = {"train": 16, "val": 8, "test": 20}
    splits = {name: {"numbers": numbers, "samples": size} for name, size in sizes.items()}
    build(tiny_config(splits=splits, canvas={"width": 72}), tmp_path / "out")
    dataset = open_dataset(tmp_path / "out")
    rows = dataset["test"].labels(["key", "glyph_ids", "number"]).to_pylist()
    chosen = {rows[0]["glyph_ids"][0], rows[5]["glyph_ids"][-1]}
    monkeypatch.setattr(doubtful, "DOUBTFUL", tuple(chosen))
    n_shown = sum(not chosen.isdisjoint(row["glyph_ids"]) for row in rows)
    manifest = json.loads((tmp_path / "out/dataset.json").read_text())
    assert 0 < n_shown < 20

    run = Run(dataset, tmp_path / "run", TrainOptions(epochs=1, batch_size=8))
    list(train(run, lambda _samples: None))
    assert list(write_report(run, {})["results"]) == ["val", "test"]
    for is_kept in (True, False):
        source = {"name": "mnist", "keep_doubtful": is_kept}
        manifest["plan"]["config"]["source"] = source
        (tmp_path / "out/dataset.json").write_text(json.dumps(manifest))
        dataset.manifest["plan"]["config"]["source"] = source  # type: ignore[index]
        report = write_report(run, {"other": dataset})
        text = (tmp_path / "run/report.md").read_text()
        crops = tmp_path / f"crops{is_kept}"
        crops.mkdir()
        for sample in dataset["test"]:
            Image.fromarray(sample.image).save(crops / f"{sample.key}.png")
        arguments = ["read", str(run.folder), str(crops), "--labels", str(tmp_path / "out")]
        shown = CliRunner().invoke(main, [*arguments, "-o", str(tmp_path / "read"), "--overwrite"])
        assert shown.exit_code == 0, shown.output
        result = json.loads((tmp_path / "read/report.json").read_text())
        if is_kept:
            without = report["results"]["test without doubtful"]
            assert without["samples"] == 20 - n_shown == result["without_doubtful"]["samples"]
            assert report["results"]["test of other without doubtful"] == without
            shown_of = count_things(n_shown, "sample")
            remark = f"{shown_of} with one of the 15 digits of t10k that most people"
            assert f"test: {remark}" in text
            assert f"images: {remark}" in shown.output
            assert "| test without doubtful | all | " in text
        else:
            assert list(report["results"]) == ["val", "test", "test of other"]
            assert "without_doubtful" not in result
            remark = "shows none of the 15 digits of t10k that most people do not read as labelled"
            assert f"test: {remark}; the dataset leaves them out." in text
            assert f"images: {remark}" in shown.output
        assert f"test: {remark}" in "\n".join(report["doubtful"])
