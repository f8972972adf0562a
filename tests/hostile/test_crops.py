"""``match`` and ``read``, given folders of crops, labels and weights that anybody may have made."""

from __future__ import annotations

import os
import shutil
import tempfile
import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from hostile.damage import VALUES, change_bytes, change_crops, change_table
from hostile.test_commands import check_command, few

N_CROPS = 9


@pytest.fixture(scope="module")
def crops(tmp_path_factory):
    """Return a folder of small crops, whose names begin with their numbers, and their labels."""
    folder = tmp_path_factory.mktemp("hostile") / "crops"
    folder.mkdir()
    rows = ["file,number,boxes"]
    for n in range(N_CROPS):
        image = np.full((20, 30), 230, np.uint8)
        image[4:16, 6:9] = image[4:16, 15 + n % 3 : 19] = 20
        Image.fromarray(image).save(folder / f"11_{n}.png")
        rows.append(f"11_{n}.png,11,6 4 3 12;15 4 4 12")
    (folder.parent / "labels.csv").write_text("\n".join(rows))
    return folder


def try_crops(command: str, crops: Path, weights: Path | None, data: st.DataObject) -> int:
    """Harm crops, labels or weights, or two of them, and run a command; return its exit code."""
    with tempfile.TemporaryDirectory(dir=crops.parent) as name:
        folder = Path(name)
        shutil.copytree(crops, folder / "crops")
        shutil.copy(crops.parent / "labels.csv", folder / "labels.csv")
        harms = data.draw(st.sampled_from(["crops", "labels", "both"]))
        if harms != "labels":
            change_crops(folder / "crops", data.draw)
        if harms != "crops":
            content = change_table((folder / "labels.csv").read_bytes(), data.draw)
            (folder / "labels.csv").write_bytes(content)
        labels = ("--labels", str(folder / "labels.csv")) if data.draw(st.booleans()) else ()
        words = {
            "match": ("match", "CROPS", "-o", "CONFIG", "--height", "16", *labels),
            "read": ("read", "WEIGHTS", "CROPS", "-o", "READINGS", *labels),
        }
        names = {
            "CROPS": str(folder / "crops"),
            "CONFIG": str(folder / "config.yaml"),
            "WEIGHTS": str(weights),
            "READINGS": str(folder / "readings"),
        }
        code = check_command(words[command], names)
        left = {path.name for path in folder.iterdir()}
        assert left <= {"crops", "labels.csv", "config.yaml", "config.png", "readings"}
        return code


@few(3)
@given(st.data())
def test_hostile_crops_are_matched(crops, data):
    """Three hostile folders of crops for ``match``."""
    try_crops("match", crops, None, data)


@pytest.mark.slow
@few(20)
@given(st.data())
def test_many_hostile_crops_are_matched(crops, data):
    """The same, seven times as many."""
    try_crops("match", crops, None, data)


@pytest.fixture(scope="module")
def weights(crops):
    """Return the weights of a network that was taught nothing."""
    pytest.importorskip("torch", reason="needs the extra torch")
    from digit_sequence.learn.checkpoints import save_atomically
    from digit_sequence.learn.network import make_recognizer

    taught = {"height": 20, "width": 30, "paper": 230, "ink": 20, "alphabet": "0123456789"}
    model = make_recognizer().state_dict()
    content = {"taught": taught, "network": "fast", "model": model}
    save_atomically(crops.parent / "best.pt", content)
    return crops.parent / "best.pt"


@pytest.mark.extras
@few(40)
@given(st.data())
def test_hostile_crops_are_read(crops, weights, data):
    """Hostile folders of crops and labels for ``read``."""
    try_crops("read", crops, weights, data)


@pytest.mark.extras
@few(150)
@given(st.data())
def test_hostile_weights(crops, weights, data):
    """Damaged weights, and other values in the place of some: one error that names the file."""
    import torch

    saved = torch.load(weights, weights_only=True)
    path = weights.with_name("hostile.pt")
    match data.draw(st.sampled_from(["bytes", "value", "taught", "network", "tensor", "other"])):
        case "bytes":
            path.write_bytes(change_bytes(weights.read_bytes(), data.draw))
        case "value":
            torch.save(data.draw(st.sampled_from(VALUES)), path)
        case "taught":
            key = data.draw(st.sampled_from([*saved["taught"], "other"]))
            saved["taught"][key] = data.draw(st.sampled_from([*VALUES, float("nan")]))
            torch.save(saved, path)
        case "network":
            torch.save(saved | {"network": data.draw(st.sampled_from([*VALUES, "fine"]))}, path)
        case "tensor":
            key = data.draw(st.sampled_from([*saved["model"], "other"]))
            shape = data.draw(st.sampled_from([(), (0,), (3, 3)]))
            others = [None, torch.ones(shape), torch.full((1,), float("nan")).expand(2**40)]
            saved["model"][key] = data.draw(st.sampled_from(others))
            torch.save(saved, path)
        case "other":
            torch.save(saved | {data.draw(st.sampled_from(["x", 1])): 1}, path)
    names = {"WEIGHTS": str(path), "CROPS": str(crops)}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        code = check_command(("read", "WEIGHTS", "CROPS"), names)
    if code == 0:  # what was changed is no weight
        found, sound = (torch.load(it, weights_only=True)["model"] for it in (path, weights))
        assert all(torch.equal(found[name], tensor) for name, tensor in sound.items())


@pytest.mark.parametrize("command", ["match", "read"])
@pytest.mark.parametrize("kind", ["pipe", "device", "folder", "loop", "long"])
def test_labels_that_are_no_file(crops, tmp_path, command, kind):
    """A pipe is not waited for, a device not read to its end: one error that names the labels."""
    labels = tmp_path / "labels.csv"
    match kind:
        case "pipe":
            os.mkfifo(labels)
        case "device":
            labels.symlink_to("/dev/zero")
        case "folder":
            labels.mkdir()
        case "loop":
            labels.symlink_to(labels)
        case "long":
            labels.write_text(f'file,number\n"{"a" * 200_000}",1\n')
    output = ("-o", str(tmp_path / "config.yaml")) if command == "match" else ()
    places = (str(crops),) if command == "match" else ("best.pt", str(crops))
    assert check_command((command, *places, "--labels", str(labels), *output), {}) == 2
    assert not (tmp_path / "config.yaml").exists()
